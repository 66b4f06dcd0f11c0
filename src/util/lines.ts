/** The lines of a text, whichever of the three line ends its writer used; a text without any is one line. */
export const linesOf = (text: string): string[] => text.split(/\r\n|\r|\n/);
