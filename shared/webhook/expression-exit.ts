/** What the process of the expressions ends with where a payload cannot be read, or is deeper than its stack. */
export const unworkable = 3;
