import { expect, test } from "vitest";
import { signedHeaders } from "../../shared/runtime/objects.ts";

// The examples of AWS's page on signing requests to S3 with the Authorization header.
const access = {
  region: "us-east-1",
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  sessionToken: "",
  s3Endpoint: "",
};
const now = new Date("2013-05-24T00:00:00Z");

test.each([
  [
    "GET",
    "https://examplebucket.s3.amazonaws.com/test.txt",
    "",
    { range: "bytes=0-9" },
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  ],
  [
    "PUT",
    "https://examplebucket.s3.amazonaws.com/test%24file.text",
    "Welcome to Amazon S3.",
    { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  ],
])("a %s is signed as AWS's own example is", (method, url, body, headers, signature) => {
  const { authorization } = signedHeaders({ method, url: new URL(url), body, headers }, access, now);
  expect(authorization?.split("Signature=")[1]).toBe(signature);
});
