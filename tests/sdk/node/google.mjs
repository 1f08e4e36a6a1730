// Google's SDK: generateContent, chats and models.

import { ApiError, GoogleGenAI } from '@google/genai';

import * as shared from './checks.mjs';

const { assert, check, forEachProvider, gathered } = shared;
const clientOf = (apiKey) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: shared.url } });
const client = clientOf(shared.key);

const { name, description, schema: parametersJsonSchema } = shared.weather;
const tools = [{ functionDeclarations: [{ name, description, parametersJsonSchema }] }];
const thinkingConfig = { includeThoughts: true, thinkingLevel: 'LOW' };
const partsOf = (answer) => answer.candidates?.[0]?.content?.parts ?? [];
const said = (parts, thought = false) =>
  parts
    .filter((part) => Boolean(part.thought) === thought)
    .map((part) => part.text ?? '')
    .join('');

await forEachProvider(async (provider, check) => {
  await check('whole', async () => {
    const answer = await client.models.generateContent({ model: `${provider}-parrot`, contents: shared.words });
    assert.equal(answer.text, shared.words);
    assert.equal(answer.candidates[0].finishReason, 'STOP');
    assert.equal(answer.usageMetadata.candidatesTokenCount, 4);
  });

  await check('streamed', async () => {
    const chunks = await gathered(
      await client.models.generateContentStream({ model: `${provider}-parrot`, contents: shared.words }),
    );
    assert.equal(said(chunks.flatMap(partsOf)), shared.words);
    assert.equal(chunks.at(-1).candidates[0].finishReason, 'STOP');
    assert.equal(chunks.at(-1).usageMetadata.candidatesTokenCount, 4);
  });

  for (const streamed of [false, true]) {
    await check(`a chat with tools and thoughts, ${streamed ? 'streamed' : 'whole'}`, async () => {
      const chat = client.chats.create({ model: `${provider}-agent`, config: { tools, thinkingConfig } });
      const send = async (message) =>
        streamed
          ? (await gathered(await chat.sendMessageStream({ message }))).flatMap(partsOf)
          : partsOf(await chat.sendMessage({ message }));
      const one = await send(shared.question);
      assert.equal(said(one, true), 'Two cities, two calls.');
      const calls = one.filter((part) => part.functionCall).map((part) => part.functionCall);
      assert.deepEqual(calls.map((call) => call.args), [shared.first, shared.second]);
      const results = calls.map((call) => ({
        functionResponse: { id: call.id, name: call.name, response: shared.degrees(call.args.city) },
      }));
      assert.equal(said(await send(results)), shared.sum);
    });
  }

  await check('tools run by the SDK', async () => {
    const called = [];
    const callable = {
      tool: async () => tools[0],
      callTool: async (calls) =>
        calls.map((call) => {
          called.push(call.args);
          return { functionResponse: { id: call.id, name: call.name, response: shared.degrees(call.args.city) } };
        }),
    };
    const answer = await client.models.generateContent({
      model: `${provider}-agent`,
      contents: shared.question,
      config: { tools: [callable], thinkingConfig },
    });
    assert.equal(answer.text, shared.sum);
    assert.deepEqual(called, [shared.first, shared.second]);
  });

  for (const kind of ['responseSchema', 'responseJsonSchema']) {
    await check(`structured output, ${kind}`, async () => {
      const properties = {
        city: { type: kind === 'responseSchema' ? 'STRING' : 'string' },
        days: { type: kind === 'responseSchema' ? 'INTEGER' : 'integer' },
      };
      const type = kind === 'responseSchema' ? 'OBJECT' : 'object';
      const answer = await client.models.generateContent({
        model: `${provider}-former`,
        contents: 'How will it be?',
        config: {
          responseMimeType: 'application/json',
          [kind]: { type, properties, required: ['city', 'days'] },
        },
      });
      const found = JSON.parse(answer.text);
      assert.equal(typeof found.city, 'string');
      assert.equal(typeof found.days, 'number');
    });
  }

  await check('a picture and a system instruction', async () => {
    const answer = await client.models.generateContent({
      model: `${provider}-mirror`,
      contents: [{ text: 'What is this?' }, { inlineData: { data: shared.picture, mimeType: 'image/png' } }],
      config: { systemInstruction: 'Be brief.' },
    });
    const understood = JSON.parse(answer.text);
    assert.equal(understood.system, 'Be brief.');
    assert.deepEqual(understood.turns[0].parts, [
      { text: 'What is this?' },
      { media: 'image', sha256: await shared.pictureDigest() },
    ]);
  });

  await check('stopped by length', async () => {
    const answer = await client.models.generateContent({
      model: `${provider}-talker`,
      contents: 'Talk.',
      config: { maxOutputTokens: 16 },
    });
    assert.equal(answer.candidates[0].finishReason, 'MAX_TOKENS');
  });

  const errors = { busy: [429, /Slow down/], ill: [502, /answered 500/], picky: [400, /Too hot/], missing: [404, /missing/] };
  for (const [model, [status, message]] of Object.entries(errors)) {
    for (const method of ['generateContent', 'generateContentStream']) {
      await check(`${model}, ${method}`, async () => {
        const error = await client.models[method]({ model: `${provider}-${model}`, contents: 'x' }).then(
          () => assert.fail('it was answered'),
          (error) => error,
        );
        assert.ok(error instanceof ApiError, `${error.constructor.name}: ${error.message}`);
        assert.equal(error.status, status);
        assert.match(error.message, message);
      });
    }
  }

  for (const [model, message] of Object.entries({ breaks: /Out of breath/, cut: /broke off/ })) {
    await check(`a stream that breaks: ${model}`, async () => {
      const stream = await client.models.generateContentStream({ model: `${provider}-${model}`, contents: 'x' });
      await assert.rejects(gathered(stream), (error) => message.test(error.message));
    });
  }
});

await check('models', async () => {
  const names = (await gathered(await client.models.list())).map((model) => model.name);
  for (const provider of Object.keys(shared.providers)) assert.ok(names.includes(`models/${provider}-parrot`));
  assert.equal((await client.models.get({ model: 'gemini-parrot' })).name, 'models/gemini-parrot');
});

await check('a wrong key', async () => {
  const asking = clientOf('fh-wrong').models.generateContent({ model: 'chat-parrot', contents: 'x' });
  await assert.rejects(asking, (error) => error instanceof ApiError && error.status === 401);
});
