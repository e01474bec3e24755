/** An answer of the service that is an error: its type, what the message says and the HTTP status it comes with. */
export class ServiceError extends Error {
  readonly type: string;
  readonly status: number;

  constructor(type: string, message: string, status = 400) {
    super(message);
    this.name = "ServiceError";
    this.type = type;
    this.status = status;
  }
}

/** The field that is missing, malformed or contradicts another. */
export const invalidParameter = (message: string) => new ServiceError("InvalidParameterException", message);

/** The request is well-formed, but not possible in the secret's state. */
export const invalidRequest = (message: string) => new ServiceError("InvalidRequestException", message);

/** No such secret, version or labelled value. */
export const notFound = (message = "Secrets Manager can't find the specified secret.") =>
  new ServiceError("ResourceNotFoundException", message);

/** The name or the ClientRequestToken is in use for something else. */
export const exists = (message: string) => new ServiceError("ResourceExistsException", message);

/** The service fails by itself. */
export const internalFailure = () =>
  new ServiceError("InternalServiceError", "An error occurred on the server side.", 500);
