// A function in place of the one in BUNDLE: does what it does, and answers with what Node has loaded by then.
const { handler: inner } = await import(process.env.BUNDLE);

export const handler = async (event, context) => {
  await inner(event, context);
  return process.moduleLoadList;
};
