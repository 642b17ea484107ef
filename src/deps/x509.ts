/** @peculiar/x509: making certificates and revocation lists, and reading the latter. @module */
import "npm:reflect-metadata@0.2.2"; // @peculiar/x509 will not load without it
export * from "npm:@peculiar/x509@2.2.0";
