/** The end of what a program prints, in which it mostly says why it failed. */
export interface OutputEnd {
  take(piece: Uint8Array): void;
  text(): string;
}

/** In bytes. */
const most = 8 * 1024;

export function rememberEnd(): OutputEnd {
  let end = Buffer.alloc(0);
  return {
    take: (piece) => {
      end = Buffer.concat([end, piece.subarray(-most)]).subarray(-most);
    },
    text: () => end.toString('utf8'),
  };
}

/** The last lines with something in them, each no longer than people read. */
export function lastLines(output: string): readonly string[] {
  const lines = output.split(/\r?\n/).filter((line) => line.trim() !== '');
  return lines.slice(-12).map((line) => (line.length > 240 ? `${line.slice(0, 240)}...` : line));
}
