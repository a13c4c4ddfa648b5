type Style = (text: string) => string;

/** Styles for one stream; all of them leave the text alone where colour is not wanted. */
export interface Colours {
  readonly bold: Style;
  readonly dim: Style;
  readonly red: Style;
  readonly green: Style;
  readonly yellow: Style;
}

/**
 * Whether a stream gets colour: it is a terminal, and neither NO_COLOR (no-color.org: set and not empty), nor CI, nor
 * TERM=dumb says otherwise.
 */
export function wantsColour(
  stream: { readonly isTTY?: boolean },
  env: NodeJS.ProcessEnv = process.env,
): boolean {
  return isTerminal(stream, env) && !env.NO_COLOR;
}

/** Whether a person watches the stream, so that lines may be redrawn. */
export function isTerminal(
  stream: { readonly isTTY?: boolean },
  env: NodeJS.ProcessEnv = process.env,
): boolean {
  return stream.isTTY === true && !env.CI && env.TERM !== 'dumb';
}

/** The styles for a stream. */
export function coloursFor(stream: { readonly isTTY?: boolean }): Colours {
  const wanted = wantsColour(stream);
  const style =
    (open: number, close: number): Style =>
    (text) =>
      wanted ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    bold: style(1, 22),
    dim: style(2, 22),
    red: style(31, 39),
    green: style(32, 39),
    yellow: style(33, 39),
  };
}
