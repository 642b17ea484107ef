/** Prints the serial number of the certificate that a TLS server shows. Arguments: address, port. @module */
import { connect } from "node:tls";

const [host = "", port = ""] = Deno.args;
const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
  // deno-lint-ignore no-console -- a program's output
  console.log(socket.getPeerCertificate().serialNumber);
  socket.destroy();
});
