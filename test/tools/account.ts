import { randomUUID } from "node:crypto";
import { type Listener, listen } from "../../local/listener.ts";

/** An alarm as CloudWatch describes it. */
export interface Alarm {
  readonly AlarmName: string;
  readonly AlarmActions: readonly string[];
  readonly ActionsEnabled: boolean;
  readonly StateValue: "OK" | "ALARM";
}

/** What the parts of an account are that the local system has none of; change it at will. */
export interface Account {
  /** Outputs of the stack; undefined where there is no stack. */
  outputs: Record<string, string> | undefined;
  alarms: Alarm[];
  /** ARNs of the topic's subscriptions, or `PendingConfirmation`. */
  subscriptions: string[];
  /** Is given the detail of every event that is put. */
  onEvent: (detail: string) => void;
}

/**
 * CloudFormation, CloudWatch, SNS and EventBridge at one address, as far as `npm run verify` asks them: the Query API
 * and AWS's JSON, by the pages of each.
 */
export function startAccount(account: Account): Promise<Listener> {
  return listen((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body = body.concat(String(chunk))));
    request.once("end", () => {
      const target = String(request.headers["x-amz-target"] ?? "");
      const [status, type, text] = target === "" ? answerQuery(account, body) : answerJson(account, target, body);
      response.writeHead(status, { "content-type": type }).end(text);
    });
  });
}

type Answer = readonly [status: number, type: string, text: string];

function answerQuery({ outputs, alarms, subscriptions }: Account, body: string): Answer {
  const asked = new URLSearchParams(body);
  const action = asked.get("Action") ?? "";
  const member = (fields: Record<string, string>) =>
    `<member>${Object.entries(fields)
      .map(([name, value]) => `<${name}>${value}</${name}>`)
      .join("")}</member>`;
  const cloudFormation = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
  const xml = (namespace: string, result: string): Answer => {
    const text = `<${action}Result>${result}</${action}Result>`;
    return [200, "text/xml", `<${action}Response xmlns="${namespace}">${text}</${action}Response>`];
  };
  if (action === "ListSubscriptionsByTopic") {
    const members = subscriptions.map((SubscriptionArn) => member({ SubscriptionArn, Protocol: "email" }));
    return xml("http://sns.amazonaws.com/doc/2010-03-31/", `<Subscriptions>${members.join("")}</Subscriptions>`);
  }
  if (outputs === undefined) {
    const said = `Stack with id ${asked.get("StackName")} does not exist`;
    const error = `<Error><Type>Sender</Type><Code>ValidationError</Code><Message>${said}</Message></Error>`;
    return [400, "text/xml", `<ErrorResponse xmlns="${cloudFormation}">${error}</ErrorResponse>`];
  }
  if (action === "DescribeStacks") {
    const members = Object.entries(outputs).map(([OutputKey, OutputValue]) => member({ OutputKey, OutputValue }));
    return xml(cloudFormation, `<Stacks><member><Outputs>${members.join("")}</Outputs></member></Stacks>`);
  }
  const members = alarms.map(({ AlarmName }) =>
    member({ ResourceType: "AWS::CloudWatch::Alarm", PhysicalResourceId: AlarmName }),
  );
  return xml(cloudFormation, `<StackResourceSummaries>${members.join("")}</StackResourceSummaries>`);
}

function answerJson(account: Account, target: string, body: string): Answer {
  const json = (status: number, value: object): Answer => [status, "application/x-amz-json-1.1", JSON.stringify(value)];
  if (target === "GraniteServiceVersion20100801.DescribeAlarms") return json(200, { MetricAlarms: account.alarms });
  if (target !== "AWSEvents.PutEvents") return json(400, { __type: "UnknownOperationException", message: target });
  const { Entries } = JSON.parse(body) as { Entries: { Detail: string; EventBusName: string; DetailType: string }[] };
  for (const { Detail, EventBusName, DetailType } of Entries) {
    if (EventBusName === "rekey-local" && DetailType === "RekeyDevice") account.onEvent(Detail);
  }
  return json(200, { FailedEntryCount: 0, Entries: Entries.map(() => ({ EventId: randomUUID() })) });
}
