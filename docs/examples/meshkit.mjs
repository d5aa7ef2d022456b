// Seals files, and shares them with a gateway that runs ngx_meshkit_module.
//
//     const sealed = await seal(file, blocks, { name: 'report.pdf' });
//     const { id, record } = await share(sealed, {
//         owner: 'alice', signer: { alg: 'Ed25519', kid, key },
//         recipients: [{ identity: 'edge', jwk }], exp: 1798761600 });
//
// The same in a browser and in Node.  Sections of docs/FORMAT.md, from which
// it was written, stand in quotes below.
//
//   file     a Blob, a Uint8Array, or an iterable of Uint8Array, async or not;
//            of any size, since one segment of it is in memory at a time
//   blocks   { async put(cid, bytes) }; one that takes its time holds the
//            sealing back, so nothing piles up
// sealed.key opens the file, and whatever is shared of it.

import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, DhkemX25519HkdfSha256,
         HkdfSha256 } from '@hpke/core';
import { importByteStream } from 'ipfs-unixfs-importer';
import { FlattenedSign, base64url, calculateJwkThumbprint, importJWK }
    from 'jose';

export const PROFILE = 'meshkit-gateway/1', TYP = 'meshkit-capsule+json';
export const CONTENT_ALG = 'FLOE-A256GCM-SHA384';
export const SEGMENTS = [65536, 262144, 1048576];
export const OVERHEAD = 32;             // what a segment adds to its plaintext
export const NOT_FINAL = 0xffffffff;    // in the place of a segment's length
export const JSON_MAX = 65536, WRAPS_MAX = 256;
const ROTATION = 2 ** 20;               // segments under one key

export const utf8 = text => new TextEncoder().encode(text);
const random = length => crypto.getRandomValues(new Uint8Array(length));

export function concat(...parts) {
    const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
    parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
    return all;
}

function uint(length, value) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
    return bytes.subarray(8 - length);
}

// --- "Sealed object" --------------------------------------------------------

// HKDF-Expand without Extract, which WebCrypto does not have by itself.  Up
// to 48 bytes are the first block of RFC 5869: T(1) = HMAC(key, info | 01).
async function expand(key, info, length) {
    const hmac = await crypto.subtle.importKey(
        'raw', key, { name: 'HMAC', hash: 'SHA-384' }, false, ['sign']);
    const block = await crypto.subtle.sign('HMAC', hmac, concat(info, [1]));

    return new Uint8Array(block, 0, length);
}

// FLOE under one data key: the header's tag, and for each segment what AES-GCM
// wants.  `parameters` is the header without its tag.
export async function floe(dataKey, parameters, payloadId) {
    const aad = concat(utf8('meshkit/payload/1'), [0], utf8(payloadId));
    const kdf = (key, purpose, length) =>
        expand(key, concat(parameters, purpose, aad), length);
    const messageKey = await kdf(dataKey, utf8('MESSAGE_KEY:'), 48);
    let key, keyOf = -1;

    return {
        tag: await kdf(dataKey, utf8('HEADER_TAG:'), 32),

        // Segments cannot change places, and the object cannot be cut short:
        // each says where it stands, and whether it is the last.
        async gcm(index, final, iv) {
            const w = index - index % ROTATION;

            if (w !== keyOf) {
                key = await crypto.subtle.importKey(
                    'raw', await kdf(messageKey, concat(utf8('DEK:'),
                                                        uint(8, w)), 32),
                    'AES-GCM', false, ['encrypt', 'decrypt']);
                keyOf = w;
            }
            return [{ name: 'AES-GCM', iv, additionalData:
                      concat(uint(8, index), [final ? 1 : 0]) }, key];
        }
    };
}

// A full piece waits for more: no empty one may stand behind it.
async function* pieces(source, length) {
    const piece = new Uint8Array(length);
    let filled = 0;

    for await (let bytes of source) {
        if (!(bytes instanceof Uint8Array)) throw new TypeError('no bytes');
        while (bytes.length > 0) {
            if (filled === length) {
                yield { piece, final: false };
                filled = 0;
            }
            const next = bytes.subarray(0, length - filled);

            piece.set(next, filled);
            filled += next.length;
            bytes = bytes.subarray(next.length);
        }
    }
    yield { piece: piece.subarray(0, filled), final: true };
}

// Encrypts a file under a fresh key, and makes "Blocks" of the result.
export async function seal(file, blocks, { segment = 262144, ...labels } = {}) {
    check({ segment, ...labels }, SEALING);

    const source = file instanceof Blob ? file.stream()
        : file instanceof Uint8Array ? [file] : file;
    const key = random(32), payloadId = base64url.encode(random(16));
    const parameters = concat([0, 0], uint(4, segment), uint(4, 32),
                              random(32));
    const { tag, gcm } = await floe(key, parameters, payloadId);
    let size = 0, index = 0;

    async function* body() {
        for await (const { piece, final } of pieces(source,
                                                    segment - OVERHEAD)) {
            const iv = random(12), length = piece.length;
            const sealed = await crypto.subtle.encrypt(
                ...await gcm(index++, final, iv), piece);

            size += length;
            yield concat(uint(4, final ? length + OVERHEAD : NOT_FINAL), iv,
                         new Uint8Array(sealed));
        }
    }

    const { cid } = await importByteStream(body(), blocks, {
        profile: 'unixfs-v1-2025', blockWriteConcurrency: 4 });  // in memory

    return { cid: cid.toString(), key, content: {
        alg: CONTENT_ALG, header: base64url.encode(concat(parameters, tag)),
        payloadId, size, ...labels } };
}

// --- "Capsule" --------------------------------------------------------------

const isText = (text, least, most) => typeof text === 'string'
    && text.isWellFormed() && !/[\0-\x1f\x7f-\x9f]/.test(text)
    && utf8(text).length >= least && utf8(text).length <= most;
export const isLabel = text => isText(text, 0, 255);
export const HIDDEN = /(?![\u200c\u200d])(?=\p{DI})\p{Cf}|[\u2028\u2029]/gu;
const isSeen = text => isLabel(text) && text.search(HIDDEN) < 0;
export const isIdentity = text =>
    isText(text, 1, 128) && !/[/\\?#%]|^\.\.?$/.test(text);
export const isId = text => isText(text, 1, 128) && !/[^\w-]/.test(text);
const isTime = time => Number.isInteger(time) && time >= 0 && time < 2.5e11;

const SEALING = { segment: length => SEGMENTS.includes(length), name: isSeen,
                  type: isSeen };
const TERMS = { id: isId, owner: isIdentity, exp: isTime, nbf: isTime,
                policyId: isIdentity, vaultId: isIdentity,
                capability: value => isIdentity(value.issuer),
                allowDownload: value => typeof value === 'boolean' };

// A misspelt `exp`, or one in milliseconds, would be a share that never ends.
function check(members, known) {
    for (const [name, value] of Object.entries(members)) {
        if (value !== undefined && !known[name]?.(value)) {
            throw new TypeError(`${name} is unknown or not well-formed`);
        }
    }
}

const wrapping = (alg, Kem) => ({ alg, suite: new CipherSuite(
    { kem: new Kem(), kdf: new HkdfSha256(), aead: new Aes256Gcm() }) });

// "Wraps", by the curve of the recipient's key.
export const WRAP_INFO = utf8('meshkit/wrap/1');
export const WRAP = {
    'P-256': wrapping('HPKE-P256-SHA256-A256GCM', DhkemP256HkdfSha256),
    X25519: wrapping('HPKE-X25519-SHA256-A256GCM', DhkemX25519HkdfSha256)
};

// Of the payload's text, as it is carried: it ties the wrap to the terms.
export const wrapAad = text => crypto.subtle.digest('SHA-256', utf8(text));

async function wrap(dataKey, payload, { identity, jwk }) {
    check({ identity }, { identity: name =>
        isIdentity(name) && (jwk.identity ?? name) === name });

    const { alg, suite } = WRAP[jwk.crv];
    const { enc, ct } = await suite.seal(
        { recipientPublicKey: await importJWK(jwk, 'ECDH-ES'),
          info: WRAP_INFO }, dataKey, await wrapAad(payload));

    return { recipient: identity, kid: await calculateJwkThumbprint(jwk), alg,
             enc: base64url.encode(new Uint8Array(enc)),
             ct: base64url.encode(new Uint8Array(ct)) };
}

// Signs the terms and wraps the file's key: a "Record".  Without `id` it is
// one that nobody guesses, and that no command line takes for an option.
export async function share(sealed, { signer, recipients, ...terms }) {
    check({ ...terms, owner: terms.owner ?? '' }, TERMS);

    const id = terms.id ?? base64url.encode(random(16)).replace(/^-/, '_');
    const { cid, content } = sealed, iat = Math.floor(Date.now() / 1000);
    const core = { v: 1, ...terms, id, iat, cid, content };
    const jws = await new FlattenedSign(utf8(JSON.stringify(core)))
        .setProtectedHeader({ alg: signer.alg, kid: signer.kid, typ: TYP })
        .sign(signer.key);
    const wraps = await Promise.all(
        recipients.map(to => wrap(sealed.key, jws.payload, to)));
    const record = { capsule: { profile: PROFILE, ...jws, wraps },
                     status: { state: 'active' } };

    if (wraps.length > WRAPS_MAX
        || utf8(JSON.stringify(record)).length > JSON_MAX) {
        throw new RangeError('too many recipients for one record');
    }
    return { id, record };
}
