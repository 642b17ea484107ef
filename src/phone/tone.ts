/** Tones: made, and found again. @module */

/** Of G.711. */
export const SAMPLES_PER_SECOND = 8000;
const AMPLITUDE = 8000;

/** `count` samples of a sine, of which `offset` were made before. */
export function toneSamples(frequencyHz: number, offset: number, count: number): Int16Array {
  const samples = new Int16Array(count);
  const step = 2 * Math.PI * frequencyHz / SAMPLES_PER_SECOND;
  for (let index = 0; index < count; index++) samples[index] = AMPLITUDE * Math.sin(step * (offset + index));
  return samples;
}

/**
 * The share of a signal's energy, 0 to 1, that lies at a frequency (Goertzel's algorithm); 0 for silence. A pure tone has
 * nearly 1, another tone and noise nearly 0.
 */
export function toneShare(samples: Int16Array, frequencyHz: number): number {
  const coefficient = 2 * Math.cos(2 * Math.PI * frequencyHz / SAMPLES_PER_SECOND);
  let [last, before, energy] = [0, 0, 0];
  for (const sample of samples) {
    [last, before] = [sample + coefficient * last - before, last];
    energy += sample * sample;
  }
  if (energy === 0) return 0;
  const power = last * last + before * before - coefficient * last * before;
  return 2 * power / (samples.length * energy);
}
