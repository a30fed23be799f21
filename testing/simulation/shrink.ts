/**
 * The smallest part of a list, in its order, that still fails: halves are left out first, then quarters, down to
 * single items (delta debugging). Limits: asks `fails` at most `attempts` times.
 */
export async function shrink<Item>(
  items: readonly Item[],
  fails: (items: readonly Item[]) => Promise<boolean>,
  attempts = 300,
): Promise<readonly Item[]> {
  let left = items;
  let asked = 0;
  for (let pieces = 2; left.length > 0 && asked < attempts;) {
    const size = Math.ceil(left.length / pieces);
    let smaller: readonly Item[] | null = null;
    for (let from = 0; from < left.length && smaller === null && asked < attempts; from += size) {
      const without = [...left.slice(0, from), ...left.slice(from + size)];
      asked += 1;
      if (await fails(without)) smaller = without;
    }
    if (smaller !== null) {
      left = smaller;
      pieces = Math.max(2, pieces - 1);
    } else if (size > 1) pieces = Math.min(left.length, pieces * 2);
    else break;
  }
  return left;
}
