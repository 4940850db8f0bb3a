import { ChangeSet, Text } from "@codemirror/state";

/** UTF-16 units that one draft inserts: escaped in JSON each may take six bytes, and a frame has 64 KiB. */
const insertedUnitsMax = 8 * 1024;
/** What a change takes in JSON beside the text that it inserts, in the same measure. */
const unitsAround = 4;

/** A large change, as that of a paste or of a replacement everywhere, in pieces that each fit a draft: one after the other. */
export function piecesOf(changes: ChangeSet): ChangeSet[] {
  if (unitsOf(changes) <= insertedUnitsMax) return [changes];
  const pieces: ChangeSet[] = [];
  let specs: { from: number; to: number; insert: Text }[] = [];
  let units = 0;
  /** The length of the text before the present piece, and how far offsets are moved by the pieces before it. */
  let { length } = changes;
  let moved = 0;
  const end = () => {
    if (specs.length === 0) return;
    const piece = ChangeSet.of(specs, length);
    pieces.push(piece);
    moved += piece.newLength - length;
    length = piece.newLength;
    specs = [];
    units = 0;
  };
  changes.iterChanges((from, to, _, __, inserted) => {
    let [start, rest] = [from, inserted];
    do {
      if (units > 0 && units + unitsAround + Math.min(rest.length, insertedUnitsMax) > insertedUnitsMax) end();
      const cut = rest.length <= insertedUnitsMax ? rest.length : wholeUpTo(rest, insertedUnitsMax - unitsAround);
      specs.push({ from: start + moved, to: to + moved, insert: rest.slice(0, cut) });
      units += unitsAround + cut;
      rest = rest.slice(cut);
      // The next part stands behind this one.
      start = to;
    } while (rest.length > 0);
  }, true);
  end();
  return pieces;
}

function unitsOf(changes: ChangeSet): number {
  let units = 0;
  changes.iterChanges((_, __, ___, ____, inserted) => (units += unitsAround + inserted.length), true);
  return units;
}

/** The most units up to `max` that do not end inside a surrogate pair. */
function wholeUpTo(text: Text, max: number): number {
  const last = text.sliceString(max - 1, max).charCodeAt(0);
  return last >= 0xd800 && last < 0xdc00 ? max - 1 : max;
}
