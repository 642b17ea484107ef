/** Two clocks, never mixed: monotonic time drives behaviour, wall time only labels. @module */

export interface Clock {
  /** Milliseconds since some fixed instant; never goes back. */
  nowMs(): number;
  /** Milliseconds since 1970-01-01T00:00:00Z, for accounting and logs. */
  wallMs(): number;
}
