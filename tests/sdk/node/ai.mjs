// The AI SDK, with its clients for OpenAI (both APIs), Anthropic and Google.

import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, Output, generateObject, generateText, stepCountIs, streamObject, streamText, tool } from 'ai';
import { z } from 'zod';

import * as shared from './checks.mjs';

const { assert, check, forEachProvider, gathered } = shared;
globalThis.AI_SDK_LOG_WARNINGS = false;

const openai = createOpenAI({ baseURL: `${shared.url}/v1`, apiKey: shared.key });
const anthropic = createAnthropic({ baseURL: `${shared.url}/v1`, apiKey: shared.key });
const google = createGoogleGenerativeAI({ baseURL: `${shared.url}/v1beta`, apiKey: shared.key });
const clients = {
  'openai, chat': (model) => openai.chat(model),
  'openai, responses': (model) => openai.responses(model),
  anthropic: (model) => anthropic(model),
  google: (model) => google(model),
};
const wishes = {
  openai: { reasoningEffort: 'low', reasoningSummary: 'auto' },
  anthropic: { thinking: { type: 'enabled', budgetTokens: 2048 } },
  google: { thinkingConfig: { includeThoughts: true, thinkingLevel: 'low' } },
};
const quiet = { maxRetries: 0 };

await forEachProvider(async (provider, check) => {
  for (const [client, modelOf] of Object.entries(clients)) {
    const model = (name) => modelOf(`${provider}-${name}`);

    await check(`${client}: whole`, async () => {
      const answer = await generateText({ ...quiet, model: model('parrot'), prompt: shared.words });
      assert.equal(answer.text, shared.words);
      assert.equal(answer.finishReason, 'stop');
      assert.equal(answer.usage.outputTokens, 4);
    });

    await check(`${client}: streamed`, async () => {
      const answer = streamText({ ...quiet, model: model('parrot'), prompt: shared.words });
      assert.equal((await gathered(answer.textStream)).join(''), shared.words);
      assert.equal(await answer.finishReason, 'stop');
      assert.equal((await answer.usage).outputTokens, 4);
    });

    for (const streamed of [false, true]) {
      await check(`${client}: tools over two steps, ${streamed ? 'streamed' : 'whole'}`, async () => {
        const called = [];
        const request = {
          ...quiet,
          model: model('agent'),
          prompt: shared.question,
          providerOptions: wishes,
          stopWhen: stepCountIs(3),
          tools: {
            weather: tool({
              description: shared.weather.description,
              inputSchema: z.object({ city: z.string(), days: z.number() }),
              execute: async (input) => {
                called.push(input);
                return shared.degrees(input.city);
              },
            }),
          },
        };
        const answer = streamed ? streamText(request) : await generateText(request);
        assert.equal(await answer.text, shared.sum);
        assert.equal((await answer.steps).length, 2);
        assert.deepEqual(called, [shared.first, shared.second]);
      });
    }

    await check(`${client}: structured output`, async () => {
      const answer = await generateObject({
        ...quiet,
        model: model('former'),
        prompt: 'How will it be?',
        schema: shared.forecast,
      });
      shared.forecast.parse(answer.object);
      const output = await generateText({
        ...quiet,
        model: model('former'),
        prompt: 'How will it be?',
        output: Output.object({ schema: shared.forecast }),
      });
      shared.forecast.parse(output.output);
      const stream = streamObject({
        ...quiet,
        model: model('former'),
        prompt: 'How will it be?',
        schema: shared.forecast,
      });
      await gathered(stream.partialObjectStream);
      shared.forecast.parse(await stream.object);
    });

    await check(`${client}: a picture and a system prompt`, async () => {
      const answer = await generateText({
        ...quiet,
        model: model('mirror'),
        system: 'Be brief.',
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What is this?' },
              { type: 'image', image: shared.picture, mediaType: 'image/png' },
            ],
          },
        ],
      });
      const understood = JSON.parse(answer.text);
      assert.equal(understood.system, 'Be brief.');
      assert.deepEqual(understood.turns[0].parts, [
        { text: 'What is this?' },
        { media: 'image', sha256: await shared.pictureDigest() },
      ]);
    });

    await check(`${client}: stopped by length`, async () => {
      const answer = await generateText({
        ...quiet,
        model: model('talker'),
        prompt: 'Talk.',
        maxOutputTokens: 16,
      });
      assert.equal(answer.finishReason, 'length');
    });

    const errors = { busy: [429, /Slow down/], ill: [502, /answered 500/], picky: [400, /Too hot/], missing: [404, /missing/] };
    for (const [name, [status, message]] of Object.entries(errors)) {
      await check(`${client}: ${name}`, async () => {
        const error = await generateText({ ...quiet, model: model(name), prompt: 'x' }).then(
          () => assert.fail('it was answered'),
          (error) => error,
        );
        assert.ok(APICallError.isInstance(error), `${error.constructor.name}: ${error.message}`);
        assert.equal(error.statusCode, status);
        assert.match(error.message, message);
        assert.equal(error.isRetryable, status === 429 || status >= 500);
        if (name === 'busy') assert.equal(error.responseHeaders['retry-after'], '7');
      });
    }

    for (const [name, message] of Object.entries({ breaks: /Out of breath/, cut: /broke off/ })) {
      await check(`${client}: a stream that breaks: ${name}`, async () => {
        const answer = streamText({ ...quiet, model: model(name), prompt: 'x', onError: () => {} });
        const parts = await gathered(answer.fullStream);
        assert.ok(parts.some((part) => part.type === 'text-delta'));
        const errors = parts.filter((part) => part.type === 'error').map((part) => JSON.stringify(part.error) + part.error?.message);
        assert.match(errors.join(' '), message);
      });
    }
  }
});
