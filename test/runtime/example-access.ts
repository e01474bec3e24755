/** The key of the examples on AWS's page on signing requests to S3 with the Authorization header. */
export const access = {
  region: "us-east-1",
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  sessionToken: "",
  s3Endpoint: "",
};
