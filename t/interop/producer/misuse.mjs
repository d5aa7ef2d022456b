// What the example's modules refuse, one line for each: what, and "refused".
//
//     node misuse.mjs EXAMPLES

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runInNewContext } from 'node:vm';

const example = name =>
    import(pathToFileURL(resolve(process.argv[2], name)));
const { seal } = await example('meshkit.mjs');
const { open, readerKey } = await example('open.mjs');
const { dagPb } = await example('strict.mjs');
const { blocksAt } = await example('http.mjs');
const { exportPKCS8, generateKeyPair } = await example(
    'node_modules/jose/dist/webapi/index.js');

async function refused(what, call) {
    const why = await call().then(value => `taken, ${value}`, error =>
        error instanceof TypeError || error instanceof SyntaxError
            ? 'refused' : `${error}`);

    console.log(`${what}: ${why}`);
}

// A sender that took these for empty would share an empty file.
const sources = {
    'bytes of another realm': runInNewContext('new Uint8Array(9)'),
    'pieces that are buffers': [new ArrayBuffer(9)],
    'pieces that are views': [new DataView(new ArrayBuffer(9))],
    'numbers': [1, 2, 3],
    'pieces of 16 bits': [new Uint16Array([300])],
    'a list of files': [new Blob(['abc'])]
};

for (const [what, source] of Object.entries(sources)) {
    await refused(what, async () =>
        (await seal(source, { put() {} })).content.size);
}

// Names that show as others.
for (const [what, name] of Object.entries({
    'an override': 'a\u202egpj.exe', 'an isolate': 'a\u2066b',
    'a mark of direction': 'a\u061cb', 'a line separator': 'a\u2028b' })) {
    await refused(`a name with ${what}`, async () =>
        (await seal(new Uint8Array(9), { put() {} }, { name })).content.name);
}

// A clock that is none would open what is over.
for (const now of [NaN, null, 'soon']) {
    await refused(`now, ${now}`, () => open({
        now, id: 'x', identity: 'x', keys: [], owners: [],
        record: () => { throw new RangeError('it was asked for'); } }));
}

// Keys that whoever gets into the page would like to have.
for (const { privateKey } of await Promise.all(
    ['P-256', 'X25519'].map(crv => generateKeyPair(
        'ECDH-ES', { crv, extractable: true })))) {
    const pem = await exportPKCS8(privateKey);
    const { pair, crv } = await readerKey('x', pem);

    await refused(`the ${crv} key`, () => exportPKCS8(pair.privateKey));
}

// Small messages in a block, as many as fit, in little memory.
const many = (...message) => Uint8Array.from(
    { length: 2 ** 21 }, (_, i) => message[i % message.length]);
const data = many(0x20, 0x01);

data.set([0x0a, 0xfc, 0xff, 0x7f, 0x08, 0x02]);
await refused('a million of fields', async () => dagPb(many(0x08, 0x00)));
await refused('a million of sizes', async () => dagPb(data));

// A gateway that keeps silent.
await refused('silence', async () => blocksAt('', async (url, { signal }) => {
    if (signal instanceof AbortSignal) throw new TypeError('it will end');
    throw new RangeError('it waits');
})('x'));
