// node clients.cjs CLIENT PORT FILE... sends each file with a client that we did not write and prints the answer.
const fs = require('fs');

const [, , kind, port, ...files] = process.argv;
const host = '127.0.0.1';
const messages = files.map((file) => fs.readFileSync(file, 'utf8').replace(/\r+$/, ''));
const print = (answer) => console.log(JSON.stringify(String(answer)));

async function medplum(options) {
  const { Hl7Client } = require('@medplum/hl7');
  const { Hl7Message } = require('@medplum/core');
  const client = new Hl7Client({ host, port: Number(port), keepAlive: true });
  for (const text of messages) {
    print(await client.sendAndWait(Hl7Message.parse(text), options));
  }
}

const clients = {
  'simple-hl7': async () => {
    const hl7 = require('simple-hl7');
    const client = hl7.Server.createTcpClient(host, Number(port));
    for (const text of messages) {
      const message = new hl7.Parser().parse(text);
      const answer = await new Promise((resolve, reject) => {
        client.send(message, (error, acknowledgement) => (error ? reject(error) : resolve(acknowledgement)));
      });
      print(answer.log());
    }
  },

  'node-hl7-client': async () => {
    const { Client, Message } = require('node-hl7-client');
    let answered;
    const outbound = new Client({ host }).createConnection({ port: Number(port) }, async (response) => {
      answered(response.getMessage().toString());
    });
    for (const text of messages) {
      const answer = new Promise((resolve) => {
        answered = resolve;
      });
      await outbound.sendMessage(new Message({ text }));
      print(await answer);
    }
  },

  '@medplum/hl7': () => medplum({}),

  // Waits for the application acknowledgement; the accept acknowledgement before it is passed over.
  '@medplum/hl7 application': () => medplum({ returnAck: require('@medplum/hl7').ReturnAckCategory.APPLICATION }),
};

clients[kind]().then(
  () => process.exit(0),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);
