import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate, type SecureContext } from "node:tls";
import type { RekeyError } from "../errors.ts";
import { isNamesake } from "./connection-fault.ts";

/** Tries again where another authority of the same name may vouch for the platform; nothing was sent then. */
export function createTrust(secureContexts: readonly SecureContext[]) {
  let trusted = 0;
  return async <Result>(
    attempt: (secureContext: SecureContext | undefined) => Promise<Result>,
    errorOf: (result: Result) => RekeyError | undefined,
  ): Promise<Result> => {
    for (let index = trusted, left = secureContexts.length; ; index = (index + 1) % secureContexts.length) {
      const result = await attempt(secureContexts[index]);
      const error = errorOf(result);
      left -= 1;
      if (error !== undefined && left > 0 && isNamesake(error)) continue;
      trusted = index;
      return result;
    }
  };
}

/** By which name the platform is asked for, and what its certificate has to be for; an IP address may not stand in SNI. */
export function expectedName(host: string, serverName = host) {
  if (isIP(serverName) === 0) return { servername: serverName };
  const check = (_: string, certificate: PeerCertificate) => checkServerIdentity(serverName, certificate);
  return { servername: "", checkServerIdentity: check };
}
