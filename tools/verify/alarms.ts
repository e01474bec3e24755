import { type CloudWatchClient, DescribeAlarmsCommand, type MetricAlarm } from "@aws-sdk/client-cloudwatch";
import { ListSubscriptionsByTopicCommand, type SNSClient } from "@aws-sdk/client-sns";
import { type Deployment, resourcesOf } from "./deployment.ts";
import { type Line, noSuchService, notTried, ok, red } from "./line.ts";

/** Whether an alarm reaches anybody: an address for each, and a confirmed subscription behind it. */
export async function verifyAlarms({ clients, settings }: Deployment): Promise<readonly Line[]> {
  const { alarms, stacks, topics } = clients;
  if (alarms === undefined || stacks === undefined) {
    return [notTried("alarms", noSuchService), notTried("whoever is told", noSuchService)];
  }
  const names = await resourcesOf(stacks, settings.stage, "AWS::CloudWatch::Alarm");
  const found = await alarmsOf(alarms, names);
  const silent = found.filter(
    ({ AlarmActions = [], ActionsEnabled }) => ActionsEnabled === false || !AlarmActions.length,
  );
  if (found.length === 0) return [red("alarms", "The stack has none: deploy it again.")];
  if (silent.length > 0) {
    const which = silent.length === found.length ? `None of ${found.length} alarms` : `Not: ${namesOf(silent)}. This`;
    return [
      red("alarms", `${which} tells anybody. Deploy with alarmEmail or alarmTopicArn in deploy/${settings.stage}.yml.`),
    ];
  }
  const ringing = found.filter(({ StateValue }) => StateValue === "ALARM");
  const now = ringing.length === 0 ? "none rings" : `ringing now: ${namesOf(ringing)}`;
  const actions = new Set(found.flatMap(({ AlarmActions = [] }) => AlarmActions));
  const told = topics === undefined ? [notTried("whoever is told", noSuchService)] : await toldBy(topics, [...actions]);
  return [ok("alarms", `${found.length} have an address; ${now}`), ...told];
}

async function alarmsOf(client: CloudWatchClient, names: readonly string[]): Promise<MetricAlarm[]> {
  const found: MetricAlarm[] = [];
  // A hundred names are the most that one call takes.
  for (let at = 0; at < names.length; at += 100) {
    const page = await client.send(
      new DescribeAlarmsCommand({ AlarmNames: names.slice(at, at + 100), MaxRecords: 100 }),
    );
    found.push(...(page.MetricAlarms ?? []));
  }
  return found;
}

function namesOf(alarms: readonly MetricAlarm[]): string {
  return alarms.map(({ AlarmName = "" }) => AlarmName).join(", ");
}

async function toldBy(client: SNSClient, actions: readonly string[]): Promise<Line[]> {
  const lines: Line[] = [];
  for (const TopicArn of actions.filter((arn) => arn.split(":")[2] === "sns")) {
    const { Subscriptions = [] } = await client.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
    const confirmed = Subscriptions.filter(({ SubscriptionArn = "" }) => SubscriptionArn.startsWith("arn:"));
    const what = `whoever is told by ${TopicArn.split(":").at(-1)}`;
    if (confirmed.length > 0) lines.push(ok(what, `${confirmed.length} confirmed subscription(s)`));
    else if (Subscriptions.length === 0)
      lines.push(red(what, "Nobody has subscribed to the topic: subscribe somebody."));
    else lines.push(red(what, "The subscription is not confirmed: follow the link in the message that SNS sent."));
  }
  return lines;
}
