const clearLine = '\r\u001b[K';

export interface StatusLine {
  readonly show: (text: string) => void;
  /** Takes the line away. */
  readonly end: () => void;
}

/** A line that says what is being done, on a terminal; nothing elsewhere. */
export function statusLine(stream: NodeJS.WriteStream): StatusLine {
  if (stream.isTTY !== true) return { show: () => {}, end: () => {} };
  return {
    show: (text) => stream.write(`${clearLine}${text}`),
    end: () => stream.write(clearLine),
  };
}
