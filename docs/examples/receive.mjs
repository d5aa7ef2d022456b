// Opens a share into a file, which is there only if everything was right.
//
//     node receive.mjs ID --as ID --key KEY.pem --owners OWNERS.jwks
//         (--metadata DIR | --metadata-url URL) (--blocks DIR | --gateway URL)
//         --out FILE [--download]
//
// A share that is refused ends with code 1, and the outcome's name.

import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { blocksAt, recordsAt } from './http.mjs';
import { Refusal, open, readerKey, trustedKeys } from './open.mjs';

const text = { type: 'string' };
const { values: opt, positionals: [id] } = parseArgs({
    allowPositionals: true,
    options: {
        as: text, key: text, owners: text, metadata: text,
        'metadata-url': text, blocks: text, gateway: text, out: text,
        download: { type: 'boolean' }
    }
});

for (const name of ['as', 'key', 'owners', 'out']) {
    if (!id || opt[name] === undefined) {
        console.error(`receive.mjs: ${id ? `--${name}` : 'ID'} is missing`);
        process.exit(2);
    }
}

for (const [dir, url] of [['metadata', 'metadata-url'],
                          ['blocks', 'gateway']]) {
    if (opt[dir] === undefined && opt[url] === undefined) {
        console.error(`receive.mjs: --${dir} or --${url} is missing`);
        process.exit(2);
    }
}

function notFound(error) {
    throw error.code === 'ENOENT' ? new Refusal('capsule_not_found') : error;
}

const record = opt['metadata-url'] ? recordsAt(opt['metadata-url'])
    : id => readFile(join(opt.metadata, 'v1/capsules', id)).catch(notFound);
const block = opt.gateway ? blocksAt(opt.gateway)
    : cid => readFile(join(opt.blocks, cid));

const beside = `${opt.out}.new`;

try {
    const { plaintext } = await open({
        id, record, block, identity: opt.as,
        action: opt.download ? 'download' : 'open',
        keys: [await readerKey(opt.as, await readFile(opt.key, 'utf8'))],
        owners: await trustedKeys(JSON.parse(await readFile(opt.owners)))
    });

    // a file that is there already may be others' to read
    await rm(beside, { force: true });
    await writeFile(beside, plaintext, { mode: 0o600, flag: 'wx' });
    await rename(beside, opt.out);

} catch (error) {
    await rm(beside, { force: true });
    if (!(error instanceof Refusal)) throw error;
    console.error(error.code);
    process.exitCode = 1;
}
