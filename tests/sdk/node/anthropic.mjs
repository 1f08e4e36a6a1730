// Anthropic's SDK: messages and models.

import Anthropic from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';

import * as shared from './checks.mjs';

const { assert, check, forEachProvider, gathered } = shared;
const client = new Anthropic({ baseURL: shared.url, apiKey: shared.key, maxRetries: 0 });
const asked = (content) => [{ role: 'user', content }];
const texts = (message) =>
  message.content
    .filter((block) => block.type === 'text')
    .map((block) => block.text)
    .join('');

const { name, description, schema: input_schema } = shared.weather;
const tools = [{ name, description, input_schema }];
const thinking = { type: 'enabled', budget_tokens: 2048 };

await forEachProvider(async (provider, check) => {
  await check('whole', async () => {
    const answer = await client.messages.create({
      model: `${provider}-parrot`,
      max_tokens: 99,
      messages: asked(shared.words),
    });
    assert.equal(texts(answer), shared.words);
    assert.equal(answer.stop_reason, 'end_turn');
    assert.equal(answer.usage.output_tokens, 4);
  });

  await check('streamed', async () => {
    const stream = client.messages.stream({
      model: `${provider}-parrot`,
      max_tokens: 99,
      messages: asked(shared.words),
    });
    let text = '';
    stream.on('text', (piece) => (text += piece));
    const answer = await stream.finalMessage();
    assert.equal(text, shared.words);
    assert.equal(texts(answer), shared.words);
    assert.equal(answer.usage.output_tokens, 4);
  });

  for (const streamed of [false, true]) {
    await check(`tools and thinking, ${streamed ? 'streamed' : 'whole'}`, async () => {
      const more = { model: `${provider}-agent`, max_tokens: 4096, tools, thinking };
      const ask = (messages) =>
        streamed
          ? client.messages.stream({ ...more, messages }).finalMessage()
          : client.messages.create({ ...more, messages });
      const messages = asked(shared.question);
      const one = await ask(messages);
      const thoughts = one.content.filter((block) => block.type === 'thinking');
      assert.equal(thoughts.map((block) => block.thinking).join(''), 'Two cities, two calls.');
      assert.equal(thoughts.some((block) => block.signature), shared.providers[provider]);
      const calls = one.content.filter((block) => block.type === 'tool_use');
      assert.deepEqual(calls.map((call) => call.input), [shared.first, shared.second]);
      assert.equal(one.stop_reason, 'tool_use');
      messages.push({ role: 'assistant', content: one.content });
      messages.push({
        role: 'user',
        content: calls.map((call) => ({
          type: 'tool_result',
          tool_use_id: call.id,
          content: JSON.stringify(shared.degrees(call.input.city)),
        })),
      });
      assert.equal(texts(await ask(messages)), shared.sum);
    });
  }

  await check('tools run by the SDK', async () => {
    const called = [];
    const answer = await client.beta.messages.toolRunner({
      model: `${provider}-agent`,
      max_tokens: 4096,
      messages: asked(shared.question),
      tools: [
        betaTool({
          name,
          description,
          inputSchema: input_schema,
          run: (input) => {
            called.push(input);
            return JSON.stringify(shared.degrees(input.city));
          },
        }),
      ],
    });
    assert.equal(texts(answer), shared.sum);
    assert.deepEqual(called, [shared.first, shared.second]);
  });

  await check('structured output', async () => {
    const answer = await client.messages.parse({
      model: `${provider}-former`,
      max_tokens: 500,
      messages: asked('How will it be?'),
      output_config: { format: zodOutputFormat(shared.forecast) },
    });
    shared.forecast.parse(answer.parsed_output);
  });

  await check('a picture and a system prompt', async () => {
    const source = { type: 'base64', media_type: 'image/png', data: shared.picture };
    const answer = await client.messages.create({
      model: `${provider}-mirror`,
      max_tokens: 500,
      system: 'Be brief.',
      messages: asked([
        { type: 'image', source },
        { type: 'text', text: 'What is this?' },
      ]),
    });
    const understood = JSON.parse(texts(answer));
    assert.equal(understood.system, 'Be brief.');
    assert.deepEqual(understood.turns[0].parts, [
      { media: 'image', sha256: await shared.pictureDigest() },
      { text: 'What is this?' },
    ]);
  });

  await check('stopped by length', async () => {
    const answer = await client.messages.create({
      model: `${provider}-talker`,
      max_tokens: 16,
      messages: asked('Talk.'),
    });
    assert.equal(answer.stop_reason, 'max_tokens');
  });

  const errors = {
    busy: [Anthropic.RateLimitError, /Slow down/],
    ill: [Anthropic.InternalServerError, /answered 500/],
    picky: [Anthropic.BadRequestError, /Too hot for me/],
    missing: [Anthropic.NotFoundError, /missing/],
  };
  for (const [model, [kind, message]] of Object.entries(errors)) {
    for (const stream of [false, true]) {
      await check(`${model}, ${stream ? 'streamed' : 'whole'}`, async () => {
        const error = await client.messages
          .create({ model: `${provider}-${model}`, max_tokens: 9, messages: asked('x'), stream })
          .then(
            () => assert.fail('it was answered'),
            (error) => error,
          );
        assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
        assert.match(error.message, message);
        assert.equal(error.error.type, 'error');
        if (model === 'busy') assert.equal(error.headers.get('retry-after'), '7');
      });
    }
  }

  for (const [model, message] of Object.entries({ breaks: /Out of breath/, cut: /broke off/ })) {
    await check(`a stream that breaks: ${model}`, async () => {
      const stream = await client.messages.create({
        model: `${provider}-${model}`,
        max_tokens: 99,
        messages: asked('x'),
        stream: true,
      });
      await assert.rejects(gathered(stream), (error) => error instanceof Anthropic.APIError && message.test(error.message));
    });
  }
});

await check('models', async () => {
  const names = (await gathered(client.models.list({ limit: 10 }))).map((model) => model.id);
  for (const provider of Object.keys(shared.providers)) assert.ok(names.includes(`${provider}-parrot`));
  assert.equal((await client.models.retrieve('gemini-parrot')).id, 'gemini-parrot');
});

await check('a wrong key', async () => {
  const stranger = new Anthropic({ baseURL: shared.url, apiKey: 'fh-wrong', maxRetries: 0 });
  await assert.rejects(stranger.models.list(), Anthropic.AuthenticationError);
});
