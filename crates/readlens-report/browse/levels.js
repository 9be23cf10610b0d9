// Mask values in sixteen steps of colour, as in the report; the style sheet names their classes.

const LEVELS = "xabcdefghijklmno";

/** The style class of a mask value from 0 to 1. */
function levelOf(value) {
  return LEVELS[Math.round(Math.min(Math.max(value, 0), 1) * (LEVELS.length - 1))];
}
