// The least that does the job: no middy, zod or SDK, one file, requests signed by hand, kept-alive mutual TLS, both
// secrets read at init. It checks nothing, renews nothing and repeats nothing.
const { createHash, createHmac } = process.getBuiltinModule("node:crypto");
const http = process.getBuiltinModule("node:http");
const https = process.getBuiltinModule("node:https");

const { env } = process;
const plainAgent = new http.Agent({ keepAlive: true });
const endpoint = new URL(env.AWS_ENDPOINT_URL_SECRETS_MANAGER);

function send({ request }, options, body) {
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve(JSON.parse(Buffer.concat(chunks))));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

function readSecret(id) {
  const body = JSON.stringify({ SecretId: id });
  const headers = {
    "content-type": "application/x-amz-json-1.1",
    host: endpoint.host,
    "x-amz-date": new Date().toISOString().replace(/[-:]|\.\d{3}/g, ""),
    "x-amz-target": "secretsmanager.GetSecretValue",
  };
  const day = headers["x-amz-date"].slice(0, 8);
  const scope = `${day}/${env.AWS_REGION}/secretsmanager/aws4_request`;
  const names = Object.keys(headers).join(";");
  const sha256 = (text) => createHash("sha256").update(text).digest("hex");
  const hmac = (key, text) => createHmac("sha256", key).update(text).digest();
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const canonical = `POST\n/\n\n${lines.join("")}\n${names}\n${sha256(body)}`;
  const key = [day, env.AWS_REGION, "secretsmanager", "aws4_request"].reduce(hmac, `AWS4${env.AWS_SECRET_ACCESS_KEY}`);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${headers["x-amz-date"]}\n${scope}\n${sha256(canonical)}`).toString(
    "hex",
  );
  const authorization = `AWS4-HMAC-SHA256 Credential=${env.AWS_ACCESS_KEY_ID}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  const options = { hostname: endpoint.hostname, port: endpoint.port, method: "POST", path: "/", agent: plainAgent };
  return send(http, { ...options, headers: { ...headers, authorization } }, body).then((reply) =>
    JSON.parse(reply.SecretString),
  );
}

const ready = Promise.all([readSecret(env.REKEY_SECRET_ID), readSecret(env.REKEY_SESSION_SECRET_ID)]).then(
  ([application, session]) => {
    const { hostname, port } = new URL(application.baseUrl);
    const agent = new https.Agent({ keepAlive: true });
    const { ca, clientCertificate: cert, clientKey: key, serverName: servername, appId } = application;
    const headers = {
      app_key: appId,
      authorization: `Bearer ${session.accessToken}`,
      "content-type": "application/json",
    };
    return { hostname, port, agent, ca, cert, key, servername, headers };
  },
);
ready.catch(() => undefined);

export const handler = async ({ deviceId, nodeId }) => {
  const { headers, ...target } = await ready;
  const body = JSON.stringify({ nodeId });
  const path = `/iocm/app/reg/v1.1.0/deviceCredentials/${encodeURIComponent(deviceId)}`;
  const length = String(Buffer.byteLength(body));
  const reply = await send(
    https,
    { ...target, method: "PUT", path, headers: { ...headers, "content-length": length } },
    body,
  );
  if (reply.verifyCode === undefined) throw new Error(`The platform answers ${reply.error_code}`);
  return { deviceId, nodeId, verifyCode: reply.verifyCode, timeout: reply.timeout };
};
