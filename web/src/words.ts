/** Every sentence the console says, in one place. */
export const words = {
  name: "Lazaret",
  loading: "Loading…",
  nothingHere: {
    title: "There is no such page",
    text: "The address may be mistyped, or of another version.",
    home: "Go to the overview",
  },
} as const;
