// What the checks of all SDKs share. One JSON line is printed for each check.

import assert from 'node:assert/strict';

import { z } from 'zod';

export const url = process.env.FREEHOLD_URL;
export const key = process.env.FREEHOLD_KEY;

// Provider -> whether its reasoning comes with state that it wants back.
export const providers = JSON.parse(process.env.FREEHOLD_PROVIDERS);

export const weather = {
  name: 'weather',
  description: 'The weather in a city.',
  schema: {
    type: 'object',
    properties: { city: { type: 'string' }, days: { type: 'integer' } },
    required: ['city', 'days'],
    additionalProperties: false,
  },
};
export const first = { city: 'Zürich', days: 2 };
export const second = { city: 'Bern', days: 1 };
export const degrees = (city) => ({ degrees: city === 'Zürich' ? 21 : 19 });
export const question = 'Where is it warmer?';
export const sum = 'Zürich 21, Bern 19.';
export const words = 'hello there, Zoë 🏡';

export const forecast = z.object({
  place: z.object({ city: z.string(), country: z.string().nullable() }),
  days: z.number(),
  notes: z.array(z.string()),
});

export const picture =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export async function check(name, run) {
  try {
    await run();
    console.log(JSON.stringify({ check: name, ok: true }));
  } catch (error) {
    console.log(JSON.stringify({ check: name, ok: false, error: String(error?.stack ?? error).slice(0, 1500) }));
  }
}

export async function forEachProvider(run) {
  for (const provider of Object.keys(providers)) {
    await run(provider, (name, body) => check(`${provider}: ${name}`, body));
  }
}

// What a described request shows of a picture: its digest is what was sent.
export async function pictureDigest() {
  const digest = await crypto.subtle.digest('SHA-256', Buffer.from(picture, 'base64'));
  return Buffer.from(digest).toString('hex');
}

export async function gathered(stream) {
  const found = [];
  for await (const one of stream) found.push(one);
  return found;
}

export { assert };
