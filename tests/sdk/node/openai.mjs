// OpenAI's SDK: chat completions, responses, embeddings and models.

import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';

import * as shared from './checks.mjs';

const { assert, check, forEachProvider, gathered } = shared;
const client = new OpenAI({ baseURL: `${shared.url}/v1`, apiKey: shared.key, maxRetries: 0 });
const chat = client.chat.completions;
const asked = (content) => [{ role: 'user', content }];

const { name, description, schema: parameters } = shared.weather;
const chatTools = [{ type: 'function', function: { name, description, parameters, strict: true } }];
const responseTools = [{ type: 'function', name, description, parameters, strict: true }];

await forEachProvider(async (provider, check) => {
  await check('chat, whole', async () => {
    const answer = await chat.create({ model: `${provider}-parrot`, messages: asked(shared.words) });
    assert.equal(answer.choices[0].message.content, shared.words);
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.equal(answer.usage.completion_tokens, 4);
  });

  await check('chat, streamed', async () => {
    const chunks = await gathered(
      await chat.create({
        model: `${provider}-parrot`,
        messages: asked(shared.words),
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), shared.words);
    assert.equal(chunks.at(-1).usage.completion_tokens, 4);
  });

  for (const stream of [false, true]) {
    await check(`chat, tools run by the SDK, ${stream ? 'streamed' : 'whole'}`, async () => {
      const called = [];
      const runner = chat.runTools({
        model: `${provider}-agent`,
        messages: asked(shared.question),
        reasoning_effort: 'low',
        stream,
        tools: [
          {
            type: 'function',
            function: {
              name,
              description,
              parameters,
              strict: true,
              parse: JSON.parse,
              function: ({ city, days }) => {
                called.push({ city, days });
                return JSON.stringify(shared.degrees(city));
              },
            },
          },
        ],
      });
      assert.equal(await runner.finalContent(), shared.sum);
      assert.deepEqual(called, [shared.first, shared.second]);
    });
  }

  await check('chat, streamed tool calls', async () => {
    const stream = chat.stream({ model: `${provider}-caller`, messages: asked(shared.question), tools: chatTools });
    const message = (await stream.finalChatCompletion()).choices[0].message;
    assert.deepEqual(
      message.tool_calls.map((one) => JSON.parse(one.function.arguments)),
      [shared.first, shared.second],
    );
  });

  await check('chat, structured output', async () => {
    const answer = await chat.parse({
      model: `${provider}-former`,
      messages: asked('How will it be?'),
      response_format: zodResponseFormat(shared.forecast, 'forecast'),
    });
    shared.forecast.parse(answer.choices[0].message.parsed);
  });

  await check('chat, a picture and a system message', async () => {
    const answer = await chat.create({
      model: `${provider}-mirror`,
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${shared.picture}` } },
          ],
        },
      ],
    });
    const understood = JSON.parse(answer.choices[0].message.content);
    assert.equal(understood.system, 'Be brief.');
    assert.deepEqual(understood.turns[0].parts, [
      { text: 'What is this?' },
      { media: 'image', sha256: await shared.pictureDigest() },
    ]);
  });

  await check('chat, stopped by length', async () => {
    const answer = await chat.create({
      model: `${provider}-talker`,
      messages: asked('Talk.'),
      max_completion_tokens: 16,
    });
    assert.equal(answer.choices[0].finish_reason, 'length');
  });

  const errors = {
    busy: [OpenAI.RateLimitError, /Slow down/],
    ill: [OpenAI.InternalServerError, /answered 500/],
    picky: [OpenAI.BadRequestError, /Too hot for me/],
    missing: [OpenAI.NotFoundError, /missing/],
  };
  for (const [model, [kind, message]] of Object.entries(errors)) {
    for (const stream of [false, true]) {
      await check(`chat, ${model}, ${stream ? 'streamed' : 'whole'}`, async () => {
        const error = await chat.create({ model: `${provider}-${model}`, messages: asked('x'), stream }).then(
          () => assert.fail('it was answered'),
          (error) => error,
        );
        assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
        assert.match(error.message, message);
        if (model === 'busy') assert.equal(error.headers.get('retry-after'), '7');
      });
    }
  }

  for (const [model, message] of Object.entries({ breaks: /Out of breath/, cut: /broke off/ })) {
    await check(`chat, a stream that breaks: ${model}`, async () => {
      const stream = await chat.create({ model: `${provider}-${model}`, messages: asked('x'), stream: true });
      await assert.rejects(gathered(stream), (error) => error instanceof OpenAI.APIError && message.test(error.message));
    });
  }

  await check('responses, whole', async () => {
    const answer = await client.responses.create({ model: `${provider}-parrot`, input: shared.words });
    assert.equal(answer.output_text, shared.words);
    assert.equal(answer.status, 'completed');
    assert.equal(answer.usage.output_tokens, 4);
  });

  await check('responses, streamed', async () => {
    const stream = client.responses.stream({ model: `${provider}-parrot`, input: shared.words });
    let text = '';
    stream.on('response.output_text.delta', (event) => (text += event.delta));
    const answer = await stream.finalResponse();
    assert.equal(text, shared.words);
    assert.equal(answer.output_text, shared.words);
  });

  for (const kept of [true, false]) {
    await check(`responses, tools, ${kept ? 'kept' : 'sent back'}`, async () => {
      const more = { model: `${provider}-agent`, tools: responseTools, reasoning: { effort: 'low' }, store: kept };
      if (!kept) more.include = ['reasoning.encrypted_content'];
      const input = asked(shared.question);
      const one = await client.responses.create({ ...more, input });
      const calls = one.output.filter((item) => item.type === 'function_call');
      assert.deepEqual(calls.map((call) => JSON.parse(call.arguments)), [shared.first, shared.second]);
      const results = calls.map((call) => ({
        type: 'function_call_output',
        call_id: call.call_id,
        output: JSON.stringify(shared.degrees(JSON.parse(call.arguments).city)),
      }));
      const two = await client.responses.create(
        kept
          ? { ...more, input: results, previous_response_id: one.id }
          : { ...more, input: [...input, ...one.output, ...results] },
      );
      assert.equal(two.output_text, shared.sum);
    });
  }

  await check('responses, structured output', async () => {
    const answer = await client.responses.parse({
      model: `${provider}-former`,
      input: 'How will it be?',
      text: { format: zodTextFormat(shared.forecast, 'forecast') },
    });
    shared.forecast.parse(answer.output_parsed);
  });

  await check('responses, kept and deleted', async () => {
    const answer = await client.responses.create({ model: `${provider}-parrot`, input: 'Keep me.' });
    assert.equal((await client.responses.retrieve(answer.id)).output_text, 'Keep me.');
    const items = await gathered(client.responses.inputItems.list(answer.id));
    assert.equal(items[0].content[0].text, 'Keep me.');
    await client.responses.delete(answer.id);
    await assert.rejects(client.responses.retrieve(answer.id), OpenAI.NotFoundError);
  });

  await check('responses, in the background', async () => {
    let answer = await client.responses.create({ model: `${provider}-slow`, input: 'x', background: true });
    assert.ok(['queued', 'in_progress'].includes(answer.status));
    while (['queued', 'in_progress'].includes(answer.status)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      answer = await client.responses.retrieve(answer.id);
    }
    assert.equal(answer.status, 'completed');
    assert.equal(answer.output_text.split(/\s+/).length, 20);
  });

  await check('responses, in the background, taken up again', async () => {
    const numbers = [];
    let id;
    for await (const event of await client.responses.create({
      model: `${provider}-slow`,
      input: 'x',
      background: true,
      stream: true,
    })) {
      numbers.push(event.sequence_number);
      if (event.type === 'response.created') id = event.response.id;
      if (event.type === 'response.output_text.delta') break;
    }
    const rest = await gathered(await client.responses.retrieve(id, { stream: true, starting_after: numbers.at(-1) }));
    numbers.push(...rest.map((event) => event.sequence_number));
    assert.deepEqual(numbers, [...numbers.keys()]);
    assert.equal(rest.at(-1).type, 'response.completed');
  });

  await check('responses, in the background, cancelled', async () => {
    const { id } = await client.responses.create({ model: `${provider}-endless`, input: 'x', background: true });
    assert.equal((await client.responses.cancel(id)).status, 'cancelled');
    assert.equal((await client.responses.cancel(id)).status, 'cancelled');
    assert.equal((await client.responses.retrieve(id)).status, 'cancelled');
  });
});

await check('models', async () => {
  const names = (await gathered(client.models.list())).map((model) => model.id);
  for (const provider of Object.keys(shared.providers)) assert.ok(names.includes(`${provider}-parrot`));
  assert.equal((await client.models.retrieve('gemini-parrot')).id, 'gemini-parrot');
});

await check('embeddings', async () => {
  const found = await client.embeddings.create({ model: 'chat-parrot', input: ['one', 'two'] });
  assert.deepEqual(found.data.map((one) => one.embedding.length), [384, 384]);
});

await check('a wrong key', async () => {
  const stranger = new OpenAI({ baseURL: `${shared.url}/v1`, apiKey: 'fh-wrong', maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
});
