/** The most that an Integer of the platform holds; more seconds would lead beyond what a date can say. */
export const maxSeconds = 2_147_483_647;

/** What the platform takes where nobody says when a code ends. */
export const defaultTimeoutSeconds = 180;
