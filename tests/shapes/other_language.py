"""A program of another language in another folder, with a Dockerfile of its own; the sample is gone."""

from templates._code import Code

CODE = Code("services/web", command=("node", "server.js"))

FILES = {
    "services/web/server.js": """\
const server = require("node:http").createServer((request, response) => {
  const isGood = request.url !== "/" || Math.random() < Number(process.env.HEALTH_RATE ?? 1);
  response.writeHead(isGood ? 200 : 503).end(`${process.env.VERSION}\\n`);
});
// Longer than the load balancer keeps its end open.
server.keepAliveTimeout = 65_000;
server.listen(Number(process.env.PORT), process.env.HOST);
process.on("SIGTERM", () => {
  server.close();
  server.closeIdleConnections();
});
""",
    "services/web/Dockerfile": """\
FROM public.ecr.aws/docker/library/node:22-bookworm-slim
WORKDIR /srv
COPY server.js .
ARG VERSION=dev
ENV VERSION=$VERSION HOST=0.0.0.0 PORT=1323
USER 10001:10001
EXPOSE 1323
CMD ["node", "server.js"]
""",
}

REMOVED = ("app", "tests/app")
