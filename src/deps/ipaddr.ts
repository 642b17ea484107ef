/** ipaddr.js: parsing of IP addresses and networks. @module */
export { default as ipaddr } from "npm:ipaddr.js@2.5.0";
