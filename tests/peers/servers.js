// HL7 servers that we did not write: `node servers.js NAME PORT` prints "ready", then one JSON line a message.
// Each answers AA, and AE to a message whose MSH-10 begins with BAD.
const [, , name, port] = process.argv;
const told = (controlId, family) => console.log(JSON.stringify({ controlId, family }));
const ready = () => console.log("ready");

const servers = {
  "simple-hl7": () => {
    const app = require("simple-hl7").tcp();
    app.use((req, res) => {
      const controlId = String(req.msg.header.getField(8));
      if (controlId.startsWith("BAD")) res.ack.getSegment("MSA").setField(1, "AE");
      told(controlId, String(req.msg.getSegment("PID").getComponent(5, 1)));
      res.end();
    });
    app.start(Number(port), "utf8");
    ready();
  },
  "node-hl7-server": () => {
    const { Server } = require("node-hl7-server");
    new Server({ bindAddress: "127.0.0.1" }).createInbound({ port: Number(port) }, async (req, res) => {
      const message = req.getMessage();
      const controlId = message.get("MSH.10").toString();
      told(controlId, message.get("PID.5.1").toString());
      await res.sendResponse(controlId.startsWith("BAD") ? "AE" : "AA");
    });
    ready();
  },
  "medplum": () => {
    const { Hl7Server } = require("@medplum/hl7");
    const server = new Hl7Server((connection) => {
      connection.addEventListener("message", ({ message }) => {
        const controlId = message.header.getField(10).toString();
        told(controlId, message.getSegment("PID").getField(5).getComponent(1));
        connection.send(message.buildAck({ ackCode: controlId.startsWith("BAD") ? "AE" : "AA" }));
      });
    });
    Promise.resolve(server.start(Number(port))).then(ready);
  },
};
servers[name]();
