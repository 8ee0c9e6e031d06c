// Publishes each webhook and answers 200 after its confirm. Arguments: port, address of RabbitMQ.
import amqp from "amqplib";
import Fastify from "fastify";

const [port, address] = process.argv.slice(2);
const connection = await amqp.connect(address, { noDelay: true });
const channel = await connection.createConfirmChannel();
const app = Fastify({ logger: false, bodyLimit: 1024 * 1024 });
// The body is not parsed: it is published byte for byte.
app.removeAllContentTypeParsers();
app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));

const answer = { schema: { response: { 200: { type: "object", properties: { status: { type: "string" } } } } } };
app.post("/api/v1/genesys/webhook", answer, (request, reply) => {
  const options = { persistent: true, mandatory: true };
  channel.publish("interactions", "work", request.body, options, (error) => {
    if (error) reply.code(503).send();
    else reply.send({ status: "accepted" });
  });
  return reply;
});

await app.listen({ host: "127.0.0.1", port: Number(port) });
