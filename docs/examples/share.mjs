// Seals a file and shares it: prints the id of the share.
//
//     node share.mjs FILE --owner ID --sign KEY.pem --to ID=KEY.jwk
//         --blocks DIR --metadata DIR [terms]
//
// Options, keys and directories are those of meshkitctl seal and meshkitctl
// share.  Terms are --id, --name, --type, --expires, --not-before (seconds
// since the epoch), --policy, --vault, --capability-issuer, --no-download; and
// there is --segment.  --to may be repeated.

import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, readFile, rename, rm, writeFile }
    from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

import { calculateJwkThumbprint, exportJWK, importPKCS8 } from 'jose';

import { seal, share } from './meshkit.mjs';

// a line says what is wrong; the stack is of no use to whoever calls this
process.on('uncaughtException', error => {
    console.error(`share.mjs: ${error.message}`);
    process.exit(1);
});

const text = { type: 'string' };
const { values: opt, positionals: [file] } = parseArgs({
    allowPositionals: true,
    options: {
        owner: text, sign: text, to: { ...text, multiple: true },
        blocks: text, metadata: text, id: text, name: text, type: text,
        expires: text, 'not-before': text, policy: text, vault: text,
        'capability-issuer': text, 'no-download': { type: 'boolean' },
        segment: text
    }
});

for (const name of ['owner', 'sign', 'to', 'blocks', 'metadata']) {
    if (!file || opt[name] === undefined) {
        console.error(`share.mjs: ${file ? `--${name}` : 'FILE'} is missing`);
        process.exit(2);
    }
}

for (const name of ['expires', 'not-before']) {
    if (opt[name] !== undefined && !/^\d+$/.test(opt[name])) {
        console.error(`share.mjs: --${name} is in seconds since the epoch`);
        process.exit(2);
    }
}

// Whoever reads the directory finds a whole file under a name, or none.
// `link` replaces nothing: a record that is there may have been revoked.  The
// temporary file is this run's own: two that shared one would write into what
// the other has just published.
async function write(path, bytes, publish = rename) {
    const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);

    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, bytes, { flag: 'wx' });
    await publish(temporary, path)
        .finally(() => rm(temporary, { force: true }));
}

async function signingKey(path) {
    const pem = await readFile(path, 'utf8');
    const read = alg => importPKCS8(pem, alg, { extractable: true })
        .then(key => ({ alg, key }));
    const { alg, key } = await read('Ed25519').catch(() => read('ES256'));

    return { alg, key,
             kid: await calculateJwkThumbprint(await exportJWK(key)) };
}

async function recipient(argument) {
    const at = argument.indexOf('=');

    return { identity: argument.slice(0, at),
             jwk: JSON.parse(await readFile(argument.slice(at + 1), 'utf8')) };
}

const from = (what, read) => read(what).catch(
    error => { throw new Error(`${what}: ${error.message}`); });
const number = value => value === undefined ? undefined : Number(value);
const blocks = {
    put: (cid, bytes) => write(join(opt.blocks, cid.toString()), bytes)
};

const signer = await from(opt.sign, signingKey);
const recipients = await Promise.all(opt.to.map(to => from(to, recipient)));
const sealed = await seal(createReadStream(file), blocks, {
    segment: number(opt.segment), name: opt.name ?? basename(file),
    type: opt.type });
const issuer = opt['capability-issuer'];
const { id, record } = await share(sealed, {
    signer, recipients, owner: opt.owner, id: opt.id,
    exp: number(opt.expires), nbf: number(opt['not-before']),
    policyId: opt.policy, vaultId: opt.vault,
    capability: issuer && { issuer },
    allowDownload: opt['no-download'] ? false : undefined });

await write(join(opt.metadata, 'v1/capsules', id), JSON.stringify(record),
            link);
console.log(id);
