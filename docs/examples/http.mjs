// Where records and blocks come from, by HTTP: docs/FORMAT.md, "Interfaces".
//
//     await open({ record: recordsAt('https://metadata.example'),
//                  block: blocksAt('https://gateway.example'), ... });

import { Refusal } from './open.mjs';

const RECORD_MAX = 65536, BLOCK_MAX = 2097152;
const TIMEOUT = 60000;                  // milliseconds, of one answer

// What is longer than anything that is right is not read to its end.
async function bounded(response, max) {
    const parts = [];
    let size = 0;

    for await (const part of response.body ?? []) {
        size += part.length;
        parts.push(part);
        if (size > max) break;
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
}

// Redirects are not followed: who answers is who was asked.  Whoever keeps
// silent, or sends a byte now and then, is not waited for.
const get = (url, accept, request) => request(url, {
    headers: { Accept: accept, 'Accept-Encoding': 'identity' },
    redirect: 'manual', cache: 'no-store',
    signal: AbortSignal.timeout(TIMEOUT) });

// Only what the service says now counts, so no cache may answer.
export const recordsAt = (base, request = fetch) => async id => {
    const response = await get(`${base}/v1/capsules/${id}`,
                               'application/json', request);

    if (response.status === 404) throw new Refusal('capsule_not_found');
    if (response.status !== 200) throw new Refusal('metadata_provider_error');
    return bounded(response, RECORD_MAX);
};

export const blocksAt = (base, request = fetch) => async cid => {
    const response = await get(`${base}/ipfs/${cid}?format=raw`,
                               'application/vnd.ipld.raw', request);

    return response.status === 200 ? bounded(response, BLOCK_MAX) : undefined;
};
