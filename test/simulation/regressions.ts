/**
 * Seeds that once found a bug of the core, by the name of what it was. They run first. A change of
 * the simulator changes what its seeds do; then they are looked for anew, on the core before the mend (`found`).
 */
export const regressions: readonly { seed: number; steps: number; name: string; found: string }[] = [
  {
    seed: 76,
    steps: 400,
    name: "[WP-5] a commit in doubt, then hibernation: live connections were never told what was committed",
    found: "dc653e3",
  },
  {
    seed: 272,
    steps: 400,
    name: "[WP-5] a commit in doubt, hibernation, a commit: live connections were told of the second only",
    found: "dc653e3",
  },
  {
    seed: 51_251,
    steps: 400,
    name: "[WP-5] the same, where what was committed could not even be read before the sleep",
    found: "d4a683d",
  },
  {
    seed: 313,
    steps: 400,
    name: "[TX-5] a window whose commit was in doubt: its events were broadcast before the verdicts of its later drafts",
    found: "dc653e3",
  },
  { seed: 155, steps: 400, name: "[LC-14] due work failed, and no alarm was set for it any more", found: "dc653e3" },
  {
    seed: 1,
    steps: 400,
    name: "[LC-3] a draft from somebody who had not connected was refused, and left a schema behind",
    found: "dc653e3",
  },
];
