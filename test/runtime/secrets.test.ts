import { expect, test } from "vitest";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";

test("a secret that the environment does not name is a ConfigurationError, without a call", async () => {
  await expect(createSecrets().read("", deadlineIn(1_000, systemClock))).rejects.toMatchObject({
    name: "ConfigurationError",
  });
});
