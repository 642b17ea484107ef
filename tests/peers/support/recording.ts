/** Sound in files: tones that phones play, what they recorded, and whether a tone is in it. @module */

/** G.711's. */
export const TONE_RATE_HZ = 8000;

const AMPLITUDE = 8000;
const SECONDS_OF_TONE = 60;
const WAV_HEADER_BYTES = 44;

/** A tone counts in pieces so long. Frequencies that are multiples of 20 Hz are told apart exactly. */
const WINDOW_MS = 50;
/** Softer than this, in steps of 16-bit samples, a window is silence. */
const AUDIBLE_AMPLITUDE = 1000;
/** So much of a window's energy must be the tone's: not half of it, or two tones at once would pass for each. */
const PURE_SHARE = 0.8;

/** Samples with 16 bits, and how many there are in a second. */
export interface Sound {
  readonly samples: Int16Array;
  readonly rateHz: number;
}

/** Where sound is written while the test goes on: a phone's recording, or what passes on a wire. */
export interface SoundSource {
  /** Everything that has been heard so far. */
  sound(): Sound;
}

/** Writes a minute of a tone, one channel, as a wav file. */
export async function writeTone(path: string, frequencyHz: number): Promise<void> {
  const samples = Int16Array.from(
    { length: TONE_RATE_HZ * SECONDS_OF_TONE },
    (_, index) => Math.round(AMPLITUDE * Math.sin(2 * Math.PI * frequencyHz * index / TONE_RATE_HZ)),
  );
  await Deno.writeFile(path, encodeWav({ samples, rateHz: TONE_RATE_HZ }));
}

/**
 * The sound in a wav file (RIFF, 16-bit PCM, one channel) that may still be growing: its header's length is not believed.
 * Nothing in a file that is not there yet.
 */
export function readWav(path: string): Sound {
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    bytes = new Uint8Array();
  }
  if (bytes.length < WAV_HEADER_BYTES) return { samples: new Int16Array(), rateHz: TONE_RATE_HZ };
  const view = new DataView(bytes.buffer);
  if (view.getUint16(22, true) !== 1 || view.getUint16(34, true) !== 16) {
    throw new Error(`Cannot read ${path}: not one channel of 16-bit samples`);
  }
  const count = Math.floor((bytes.length - WAV_HEADER_BYTES) / 2);
  const samples = Int16Array.from({ length: count }, (_, index) => view.getInt16(WAV_HEADER_BYTES + 2 * index, true));
  return { samples, rateHz: view.getUint32(24, true) };
}

/** How many milliseconds of a sound are this tone, and no other. */
export function toneMs({ samples, rateHz }: Sound, frequencyHz: number): number {
  const length = Math.round(rateHz * WINDOW_MS / 1000);
  let found = 0;
  for (let start = 0; start + length <= samples.length; start += length) {
    if (isTone(samples.subarray(start, start + length), rateHz, frequencyHz)) found += WINDOW_MS;
  }
  return found;
}

/** The part of a sound after its first `count` samples. */
export function after({ samples, rateHz }: Sound, count: number): Sound {
  return { samples: samples.subarray(count), rateHz };
}

/** Goertzel's filter: the energy of one frequency, against that of all. */
function isTone(samples: Int16Array, rateHz: number, frequencyHz: number): boolean {
  const coefficient = 2 * Math.cos(2 * Math.PI * frequencyHz / rateHz);
  let energy = 0;
  let last = 0;
  let beforeLast = 0;
  for (const sample of samples) {
    const current = sample + coefficient * last - beforeLast;
    beforeLast = last;
    last = current;
    energy += sample * sample;
  }
  // A sine of amplitude A has the energy n A²/2, and its bin the power (n A / 2)².
  const power = last * last + beforeLast * beforeLast - coefficient * last * beforeLast;
  const amplitude = 2 * Math.sqrt(power) / samples.length;
  return amplitude > AUDIBLE_AMPLITUDE && samples.length * amplitude * amplitude / 2 > PURE_SHARE * energy;
}

function encodeWav({ samples, rateHz }: Sound): Uint8Array {
  const bytes = new Uint8Array(WAV_HEADER_BYTES + 2 * samples.length);
  const view = new DataView(bytes.buffer);
  const text = (offset: number, value: string) => bytes.set(new TextEncoder().encode(value), offset);
  text(0, "RIFF");
  view.setUint32(4, bytes.length - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rateHz, true);
  view.setUint32(28, 2 * rateHz, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  for (const [index, sample] of samples.entries()) view.setInt16(WAV_HEADER_BYTES + 2 * index, sample, true);
  return bytes;
}
