// What the first search results add up to: the SDK and fetch, not bundled; secret, login and new connections each call.
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { Agent, fetch } from "undici";

export const handler = async ({ deviceId, nodeId }) => {
  const client = new SecretsManagerClient({});
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: process.env.REKEY_SECRET_ID }));
  const { baseUrl, appId, secret, ca, clientCertificate, clientKey, serverName } = JSON.parse(SecretString);
  // Of an undici that is installed: Node's own fetch takes no client certificate.
  const connect = { ca, cert: clientCertificate, key: clientKey, servername: serverName };
  const login = await fetch(`${baseUrl}/iocm/app/sec/v1.1.0/login`, {
    method: "POST",
    body: new URLSearchParams({ appId, secret }),
    dispatcher: new Agent({ connect }),
  });
  const { accessToken } = await login.json();
  const answer = await fetch(`${baseUrl}/iocm/app/reg/v1.1.0/deviceCredentials/${deviceId}`, {
    method: "PUT",
    headers: { app_key: appId, authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
    body: JSON.stringify({ nodeId }),
    dispatcher: new Agent({ connect }),
  });
  const reply = await answer.json();
  if (!answer.ok) throw new Error(`The platform answers ${reply.error_code}`);
  return { deviceId, nodeId, verifyCode: reply.verifyCode, timeout: reply.timeout };
};
