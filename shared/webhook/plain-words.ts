import { type ErrorName, type Fault, isErrorName, traitsOf } from "../errors.ts";
import type { ImeiForm } from "../imei.ts";

/** A fault of what a ticket says. */
export interface TicketFault extends Fault {
  /** What the ticket says there, where that is known. */
  readonly written?: string | undefined;
}

/** What an error is to a technician. */
type PlainWords = readonly [
  /** Why the device is not re-keyed; undefined: the occurrence itself says it best. */
  why: string | undefined,
  helps: string,
];

const tellOperator = "tell whoever operates Rekey, with the reference below.";
const tellAtOnce = `T${tellOperator.slice(1)}`;
const sendLater = `Change this ticket later, so that it is sent again. If it stays so, ${tellOperator}`;
const orTell = `If the ticket is right, ${tellOperator}`;

/** What helps against what a ticket says wrongly. */
export const correctTicket = `Correct it in the ticket. ${orTell}`;

const words: { readonly [name in ErrorName]?: PlainWords } = {
  InvalidInputError: [undefined, correctTicket],
  ApplicationNotAuthorizedError: [
    "The device belongs to another application",
    `Check the device in the ticket. ${orTell}`,
  ],
  DeviceNotFoundError: [
    "The platform does not know this device",
    `Check the device in the ticket, letter by letter. ${orTell}`,
  ],
  NodeIdTakenError: [
    "The new hardware is in use as another device",
    `Compare its number in the ticket with its label. ${orTell}`,
  ],
  NodeIdChangedError: [
    "The device has other hardware by now than this ticket speaks of",
    "See whether a newer ticket has replaced it again. If not, correct the number of the old hardware in this one.",
  ],
  DeviceNotActiveError: [
    "The device has never connected",
    "It can be re-keyed once it has. Have the new hardware registered instead.",
  ],
  DeviceOnlineError: [
    "The device is online",
    `${traitsOf("DeviceOnlineError").advice} Change this ticket for that, so that it is sent again.`,
  ],
  PlatformThrottledError: ["The platform takes no more calls for now", sendLater],
  ConfigurationError: ["Rekey is not set up rightly", tellAtOnce],
  SecretsUnavailableError: ["Rekey cannot work at the moment", sendLater],
  RenewalLimitedError: ["Something else logs in to the platform in Rekey's place", tellAtOnce],
  AccessTokenRejectedError: ["The platform does not let Rekey in", sendLater],
  PlatformReplyError: ["The platform answered in a way that Rekey does not know", sendLater],
  PlatformUnavailableError: ["The platform cannot be reached or does not work", sendLater],
  OutcomeUnknownError: [
    "The change was sent, but its answer was lost",
    "Change this ticket, so that it is sent again: the next note says the code that holds.",
  ],
};

/**
 * What a note says of an error to a technician, who knows the ticket, the device and the label of the hardware, and of
 * requests, tokens and the names of fields nothing. An error without words here says its own title and advice.
 *
 * @param error its name, or what Lambda or Step Functions call it
 */
export function plainWordsOf(error: string): PlainWords {
  if (!isErrorName(error)) return ["Something unexpected happened", tellAtOnce];
  const { title, advice } = traitsOf(error);
  return words[error] ?? [title, advice];
}

/** Whether somebody else than the technician has to help, who is told the rest in a line of the note. */
export function isForOperator([, helps]: PlainWords): boolean {
  return helps === tellAtOnce || helps === sendLater;
}

/** Without an apostrophe, which no note shows. */
const subjects: Readonly<Record<string, string>> = {
  deviceId: "The id of the device",
  nodeId: "The number of the new hardware",
  expectedNodeId: "The number of the old hardware",
  timeout: "The time for which the code shall be valid",
  ticketId: "The number of the ticket",
  appId: "The application that the ticket names",
  requester: "The requester of it",
  deliveryId: "The number of the event",
};

/**
 * What is wrong with what a ticket says, in one sentence for whoever can correct it: `The new IMEI 86000000000000 has 14
 * digits in place of 15`. What the ticket says is repeated only where it is one word that passes for nothing else.
 */
export function plainFaults(faults: readonly TicketFault[], imei: ImeiForm | undefined): string {
  return faults
    .map(({ path, message, written = "" }) => {
      const words = subjects[path] ?? path;
      const subject = imei === undefined ? words : words.replace(/number of the (new|old) hardware/, "$1 IMEI");
      const value = /^[\p{L}\p{N}.,+-]{1,40}$/u.test(written) ? ` ${written}` : "";
      // How a number has to be sent is for whoever set the sender up; the marks that an id may not have, no note shows.
      const plain = message
        .replace(/^is not an IMEI: it |: it has to be sent as a text$/g, "")
        .replace(/, %, \? or #, and not be a path$/, " or other marks of an address");
      return `${subject}${value} ${plain}`;
    })
    .join("; ");
}
