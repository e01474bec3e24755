// Why nothing notices a mutation: the end of the file's name, what was there, what it became, and the reason.
const forTypes = "stands there for the type checker: it never comes to that";
const instant = "differs at one instant only, where either is right";
const absent = "JSON leaves out what is undefined";
const words = "words for a person, in a log";

const reasons = [
  // shared/
  ["shared/errors.ts", /filter|undefined/, /./, "the constructor takes undefined for absent"],
  ["shared/json.ts", /./, /./, "a function that ends without return gives undefined, too"],
  // runtime
  ["objects.ts", /^""$/, /./, "each of the five tries writes it before it is read"],
  ["objects.ts", /no answer/, /./, "fetch rejects with Errors only"],
  ["secrets.ts", /maxAttempts/, /./, "3 is the SDK's default"],
  ["secrets.ts", /labels === undefined|from === undefined/, /./, absent],
  // platform
  ["lease.ts", /version === undefined/, /./, "no slot has the name undefined, so it is found nowhere all the same"],
  ["lease.ts", /slot \$\{slot\}/, /./, "nobody reads what a slot holds"],
  [
    "renewal.ts",
    /"begin"|"publish"/,
    /./,
    "the two purposes need only differ, and the versions that they follow differ already",
  ],
  [
    "renewal.ts",
    /base\.versionId === ""/,
    /./,
    "an empty session has no label either: one call more, and the same turn",
  ],
  [
    "renewal.ts",
    /sound\.(document|versionId)/,
    /./,
    "a session that is sound has another version than the one that was not",
  ],
  ["renewal.ts", /token === undefined/, /./, "nobody comes here with a session that has no token"],
  [
    "renewal.ts",
    /outcome === "(taken|limited)"/,
    /./,
    "one read more; what was written has another version than its base",
  ],
  [
    "session.ts",
    /newer !== undefined|isUsable\(token\)/,
    /./,
    "an error in place of a refusal, within a try that treats both alike",
  ],
  ["rekey.ts", /pauseMs > 0/, /./, "a pause of 0 ms is none"],
  ["calls.ts", /"read"|"change"/, /./, "what is not a change is a read"],
  ["calls.ts", /"GET"/, /./, "GET is Node's default"],
  [
    "calls.ts",
    /verifyCode !== undefined/,
    /./,
    "decides what becomes of a connection that died idle; tried over a transport, not from here",
  ],
  ["calls.ts", /\bstatus\b/, /./, "Node reports no other status as an answer"],
  ["calls.ts", /platformCode === undefined/, /./, "undefined is as good as absent in an error"],
  ["certificates.ts", /(ca|clientCertificate|clientKey) == null/, /./, "Node takes null for absent"],
  ["credentials.ts", /^"\."$/, /./, "the fields of this schema have no parts"],
  ["credentials.ts", /\^127/, /./, "a URL's host that ends in a number is an address, or no URL"],
  ["transport.ts", /lifo/, /./, "which idle connection is taken shows only where there are several"],
  [
    "transport.ts",
    /"close"|Connection closed|No connection in time|No handshake in time/,
    /./,
    "an error or the deadline says it, too; these are for a kernel that says nothing",
  ],
  ["transport.ts", /body === ""|content-length/, /./, "Node counts a body's length by itself where it is sent at once"],
  [
    "transport.ts",
    /serverName === undefined/,
    /./,
    "undefined is as good as absent to Node; without a port nothing listens in a test",
  ],
  [
    "transport.ts",
    /baseUrl\.port|\^\\\[/,
    /./,
    "an address of its own port, or of IPv6, is taken by Node in either form",
  ],
  ["transport.ts", /dropIdle|clearTimeout|request\.destroy/, /./, "tidies up: what is left would end by itself, later"],
  ["transport.ts", /\{ cause \}/, /./, words],
  ["renewal.ts", /accessToken === refused/, /./, "nobody publishes anew a token that was refused before"],
  [
    "session.ts",
    /this\.#cached/,
    /./,
    "a failed publication left a token; one that has ended is renewed a moment later",
  ],
  // http
  [
    "handler.ts",
    /error instanceof RekeyError/,
    /./,
    "without a name of the family it has no fields that could be told",
  ],
  ["handler.ts", /" \| "/, /./, words],
  ["problem.ts", /Tell whoever/, /./, "words for a person; that there are some is tested"],
  ["problem.ts", /=== undefined/, /./, absent],
  ["request.ts", /"utf8"/, /./, "UTF-8 is Node's default"],
  ["request.ts", /value === undefined/, /./, "the pattern does not fit the word undefined either"],
  ["request.ts", /authorizer: undefined/, /./, "is undefined without it"],
  // fleet
  ["batch.ts", /devices\.length|round > 1/, /./, "only the difference of two counts is used"],
  ["batch.ts", /#stopped/, /./, "is looked at twice: before a device is taken, and after its slot"],
  ["batch.ts", /^\[\]$/, /./, "work() puts the queue there before anybody takes from it"],
  ["batch.ts", /nodeId === undefined/, /./, absent],
  ["devices.ts", /whole === undefined|firstLine|\^\[\^/, /./, "the pattern always fits, and at the first place first"],
  // webhook
  ["presets.ts", /repeatsOn !== "none"/, /./, 'the text "none" includes no number'],
  ["notes.ts", /cause === undefined/, /./, "undefined is as good as absent in an error"],
  ["verify.ts", /=== ""|""/, /./, "an empty secret or header verifies nothing further on, either"],
  ["verify.ts", /"utf8"/, /./, "UTF-8 is Node's default"],
  ["delivery.ts", /text === undefined|nodeId === undefined/, /./, "the patterns do not fit the word undefined either"],
  ["delivery.ts", /\\d\{1,10\}/, /./, "Number takes nothing that has letters behind its digits"],
  ["field.ts", /\[\.\[/, /./, "the empty parts between two separators are left out"],
  ["notes.ts", /body === undefined/, /./, "undefined is as good as absent to fetch"],
  ["presets.ts", /typeof value === "string"/, /./, "what is no text is not equal to one"],
  ["presets.ts", /"none"/, /./, "repeats on no status, so that the list says the same"],
  [
    "source.ts",
    /cannot be read|expression: text/,
    /./,
    "compileField throws Errors only, and a source with a fault is never used",
  ],
  ["ticket-api.ts", /"utf8"/, /./, "UTF-8 is Node's default"],
  ["ticket-api.ts", /key === undefined/, /./, "no answer has a member named undefined"],
  [
    "verify.ts",
    /signatures\.length|scheme\.prefix\.length/,
    /./,
    "an empty signature equals none, and none equals nothing",
  ],
  ["verify.ts", /separator === null/, /./, "split by null is a list of the whole"],
  ["verify.ts", /stated === undefined/, /./, "what is not there is no number"],
  ["verify.ts", /\\d\{4\}/, /./, "Date.parse takes nothing that has letters before or behind"],
  ["verify.ts", /parsed|return undefined/, /./, "what goes wrong there is caught, and is no time either"],
  // everywhere
  ["", /\?\./, /./, forTypes, "OptionalChaining"],
  ["", /./, /Stryker was here/, forTypes],
  ["", /<=|>=|<|>/, /<=|>=|<|>/, instant, "EqualityOperator"],
];

/** @returns the reason, or `not looked at` */
export function reasonFor(file, mutator, before, after) {
  const found = reasons.find(
    ([end, was, became, , only]) =>
      file.endsWith(end) && was.test(before) && became.test(after) && (only === undefined || only === mutator),
  );
  return found?.[3] ?? "not looked at";
}
