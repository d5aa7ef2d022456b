// Every vector through the example's reader, one line of JSON for each: name,
// outcome, and size and SHA-256 of what was released before it.
//
//     node vectors.mjs EXAMPLES t/vectors

import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [examples, folder] = process.argv.slice(2);
const example = name => import(pathToFileURL(resolve(examples, name)));
const { Refusal, open, readerKey, trustedKeys } = await example('open.mjs');
const { recordsAt } = await example('http.mjs');

const read = (...path) => readFile(join(folder, ...path));
const keys = await Promise.all(['alice', 'bob', 'carol'].map(async who =>
    readerKey(who, await readFile(join(folder, `keys/${who}.pem`), 'utf8'))));

async function owners(name) {
    return name === 'insecure_any' ? 'anybody'
        : trustedKeys(JSON.parse(await read('keys', name)));
}

// The metadata service of this vector, as far as HTTP says something.
const metadata = ({ record, record_status: status }) => recordsAt('', () =>
    new Response(status === 204 ? null : Buffer.from(record, 'base64url'),
                 { status }));

// The gateway of this vector.
const gateway = vector => async cid => {
    if (vector.missing.includes(cid)) return undefined;
    if (vector.zeros?.[cid]) return new Uint8Array(vector.zeros[cid]);

    return read('blocks', vector.blocks[cid] ?? cid).catch(() => undefined);
};

async function run(vector) {
    const hash = createHash('sha256');
    let size = 0, outcome = 'ok';

    try {
        const { plaintext } = await open({
            ...vector, record: metadata(vector), keys,
            owners: await owners(vector.owners), block: gateway(vector),
            policy: 'policy' in vector ? async () => vector.policy : undefined
        });

        for await (const bytes of plaintext) {
            hash.update(bytes);
            size += bytes.length;
        }
    } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        outcome = error.code;
    }
    return { name: vector.name, outcome, size, sha256: hash.digest('hex') };
}

for (const file of (await readdir(join(folder, 'capsule'))).sort()) {
    const vector = JSON.parse(await read('capsule', file));

    console.log(JSON.stringify(await run(vector)));
}
