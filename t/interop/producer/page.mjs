// What t/interop/producer.t does in a browser: it loads the same modules as
// Node does, and calls these two functions.

import { importPKCS8 } from 'jose';

import { blocksAt, recordsAt } from '/examples/http.mjs';
import { seal, share } from '/examples/meshkit.mjs';
import { Refusal, open, readerKey, trustedKeys } from '/examples/open.mjs';

const hex = bytes => [...new Uint8Array(bytes)].map(
    byte => byte.toString(16).padStart(2, '0')).join('');
const sha256 = async bytes => hex(await crypto.subtle.digest('SHA-256', bytes));

async function put(path, body) {
    const { ok, status } = await fetch(path, { method: 'PUT', body });

    if (!ok) throw new Error(`${path}: ${status}`);
}

// A file as a person chooses one: a Blob, with bytes that nobody knows.
function chosenFile(size) {
    const bytes = new Uint8Array(size);

    for (let at = 0; at < size; at += 65536) {
        crypto.getRandomValues(bytes.subarray(at, at + 65536));
    }
    return new Blob([bytes]);
}

globalThis.sealHere = async ({ size, sealing, terms, signer, recipients }) => {
    const file = chosenFile(size);
    const { pem, kid, alg } = signer;
    const blocks = { put: (cid, bytes) => put(`/store/blocks/${cid}`, bytes) };
    const { id, record } = await share(await seal(file, blocks, sealing), {
        ...terms, recipients,
        signer: { alg, kid, key: await importPKCS8(pem, alg) }
    });

    await put(`/store/records/${id}`, JSON.stringify(record));
    return { id, sha256: await sha256(await file.arrayBuffer()) };
};

globalThis.openHere = async ({ id, identity, pem, jwks }) => {
    const parts = [];
    let outcome = 'ok';

    try {
        const { plaintext } = await open({
            id, identity, keys: [await readerKey(identity, pem)],
            owners: await trustedKeys(jwks),
            record: recordsAt('/service'), block: blocksAt('/trustless')
        });

        for await (const bytes of plaintext) parts.push(bytes);
    } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        outcome = error.code;
    }
    const all = await new Blob(parts).arrayBuffer();

    return { outcome, size: all.byteLength, sha256: await sha256(all) };
};
