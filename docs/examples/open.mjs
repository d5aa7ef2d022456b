// Opens a share: the way back from meshkit.mjs, with the checks of a careful
// reader, in the order of docs/DESIGN.md, "The order of an open".
//
//     const { core, plaintext } = await open({
//         id, identity: 'edge', keys: [await readerKey('edge', pem)],
//         owners: await trustedKeys(jwks),
//         record: async id => bytes,   // the metadata service's answer
//         block: async cid => bytes    // undefined: there is none
//     });
//     for await (const bytes of plaintext) ...
//
// Where it refuses it throws a Refusal whose code is an outcome of
// docs/FORMAT.md.  What came before is authentic, but not the whole: nobody
// should use it before the loop has ended.
//
// It takes blocks from anywhere, and believes nobody.  It does not verify
// blocks of blake2b-256, which WebCrypto does not have, and refuses them.

import { calculateJwkThumbprint, exportJWK, flattenedVerify, importJWK,
         importPKCS8 } from 'jose';

import { CONTENT_ALG, HIDDEN, JSON_MAX, NOT_FINAL, OVERHEAD, PROFILE, SEGMENTS,
         TYP, WRAP, WRAPS_MAX, WRAP_INFO, concat, floe, isId, isIdentity,
         isLabel, wrapAad } from './meshkit.mjs';
import { RAW, base64url, cidOfText, dagPb, isBlockOf, isObject, json }
    from './strict.mjs';

const BLOCK_MAX = 2097152, LEVELS = 8, BLOCKS_FREE = 8208n;
const ALGS = { 'Ed25519': 'Ed25519', 'P-256': 'ES256' };

export class Refusal extends Error {
    constructor(code, why = code) {
        super(why);
        this.code = code;
    }
}

// Whatever `read` throws is a refusal, and so is `false`.
async function need(code, read) {
    try {
        const value = await read();

        if (value !== false) return value;
    } catch (error) {
        throw error instanceof Refusal ? error
            : new Refusal(code, `${code}: ${error.message}`);
    }
    throw new Refusal(code);
}


// --- keys -------------------------------------------------------------------

// A private key of an identity, PEM PKCS#8, P-256 or X25519.
export async function readerKey(identity, pem) {
    const { d, ...jwk } = await exportJWK(
        await importPKCS8(pem, 'ECDH-ES', { extractable: true }));

    // the key that is kept cannot be taken out again
    return { identity, crv: jwk.crv, kid: await calculateJwkThumbprint(jwk),
             pair: { privateKey: await importPKCS8(pem, 'ECDH-ES'),
                     publicKey: await importJWK(jwk, 'ECDH-ES') } };
}

// "Capsule": the sender's text, as people may see it.
export const shown = text => text.replace(HIDDEN, '_');

// "Trusted keys": of a JWK Set, those that may sign for somebody.
export async function trustedKeys({ keys }) {
    if (keys.length > 256 || keys.some(jwk => 'd' in jwk)) {
        throw new TypeError('too many keys, or a private one among them');
    }
    const trusted = [];

    for (const jwk of keys) {
        const alg = jwk.kty in { EC: 1, OKP: 1 } ? ALGS[jwk.crv] : undefined;
        const names = [jwk.identity ?? []].flat();
        // RFC 9864, and the older name of RFC 8037
        const says = alg === 'Ed25519' ? [alg, 'EdDSA'] : [alg];

        if (alg && says.includes(jwk.alg ?? alg) && (jwk.use ?? 'sig') === 'sig'
            && (jwk.key_ops ?? ['verify']).includes('verify')
            && names.length > 0 && names.length <= 64
            && names.every(isIdentity)) {
            const { kty, crv, x, y } = jwk;

            trusted.push({ alg, names,
                           kid: jwk.kid ?? await calculateJwkThumbprint(jwk),
                           key: await importJWK({ kty, crv, x, y }, alg) });
        }
    }
    return trusted;
}


// --- "Record", "Capsule", "Signature" ---------------------------------------

const isCount = value => typeof value === 'bigint' && value >= 0n
    && value < 1n << 63n;
const maybe = isSound => value => value === undefined || isSound(value);
const isActions = list => Array.isArray(list) && list.length > 0
    && list.every(one => one === 'open' || one === 'download');

const CORE = {
    v: value => value === 1n, id: isId, cid: cidOfText, owner: isIdentity,
    iat: isCount, exp: maybe(isCount), nbf: maybe(isCount),
    policyId: maybe(isIdentity), vaultId: maybe(isIdentity),
    capability: maybe(value => isObject(value) && isIdentity(value.issuer)
                               && maybe(isActions)(value.actions)),
    allowDownload: maybe(value => typeof value === 'boolean'),
    content: isObject
};
const CONTENT = {
    alg: value => value === CONTENT_ALG, name: maybe(isLabel),
    type: maybe(isLabel), payloadId: value => isId(value) && value.length <= 64,
    header: value => base64url(value).length === 74, size: isCount
};
const WRAPPED = ['recipient', 'kid', 'alg', 'enc', 'ct'];

const segmentOf = ({ header }) =>
    new DataView(base64url(header).buffer).getUint32(2);

function sound(object, members) {
    for (const [name, isSound] of Object.entries(members)) {
        if (!isSound(object[name])) throw new TypeError(`${name} is not sound`);
    }
    return object;
}

function readRecord(bytes) {
    const record = json(bytes, JSON_MAX);

    return isObject(record) && isObject(record.capsule)
        && isObject(record.status)
        && ['active', 'revoked'].includes(record.status.state)
        && maybe(isCount)(record.status.revokedAt) && record;
}

function readCapsule(capsule) {
    const { profile, wraps } = capsule;

    if (profile !== PROFILE || 'header' in capsule || 'signatures' in capsule
        || !Array.isArray(wraps) || wraps.length > WRAPS_MAX
        || !wraps.every(wrap => isIdentity(wrap.recipient) && WRAPPED.every(
            name => typeof wrap[name] === 'string') && wrap.kid !== '')) {
        throw new TypeError('no capsule of this profile');
    }
    const header = json(base64url(capsule.protected), 4096);
    const core = sound(json(base64url(capsule.payload)), CORE);

    sound(core.content, CONTENT);

    if (base64url(capsule.signature).length !== 64) {
        throw new TypeError('a signature of either kind is 64 bytes');
    }

    if (SEGMENTS.some(segment => segment === segmentOf(core.content)
            && core.content.size > BigInt(segment - OVERHEAD) << 40n)) {
        throw new RangeError('more than 2^40 segments');
    }

    if (header.typ !== TYP || typeof header.kid !== 'string' || !header.kid
        || !Object.values(ALGS).includes(header.alg)
        || 'crit' in header || 'b64' in header) {
        throw new TypeError('a header that is not a capsule\'s');
    }
    return { core, header };
}

// One of the owner's keys with that kid must fit.
async function isSigned({ payload, protected: header, signature }, { alg, kid },
                        owner, owners) {
    for (const one of owners) {
        if (one.kid !== kid || one.alg !== alg || !one.names.includes(owner)) {
            continue;
        }
        const jws = { payload, protected: header, signature };

        if (await flattenedVerify(jws, one.key, { algorithms: [alg] })
            .then(() => true, () => false)) {
            return true;
        }
    }
    return false;
}


// --- "Wraps" ----------------------------------------------------------------

function findWrap(capsule, identity, keys) {
    const own = keys.filter(key => key.identity === identity);

    if (own.length === 0) throw new Refusal('identity_not_found');

    for (const key of own) {
        const wraps = capsule.wraps.filter(
            one => one.recipient === identity && one.kid === key.kid);

        if (wraps.length > 1) throw new Refusal('invalid_capsule');
        if (wraps.length === 1) return { key, wrap: wraps[0] };
    }
    throw new Refusal('recipient_not_authorized');
}

async function unwrap({ key, wrap }, payload) {
    const { alg, suite } = WRAP[key.crv];
    const [enc, ct] = await need('invalid_capsule', () =>
        wrap.alg === alg && [base64url(wrap.enc), base64url(wrap.ct)]);

    return need('key_unwrap_failed', async () => {
        const isPoint = key.crv === 'X25519' ? enc.length === 32
            : enc.length === 65 && enc[0] === 4;

        return isPoint && ct.length === 48 && new Uint8Array(await suite.open(
            { recipientKey: key.pair, enc, info: WRAP_INFO }, ct,
            await wrapAad(payload)));
    });
}


// --- "Blocks", "Sealed object" ----------------------------------------------

// The file below a CID, which must have `size` bytes, block by block.
async function* fileBytes(block, cid, size, budget, level = 1) {
    if (level > LEVELS || budget.blocks-- <= 0n) {
        throw new Refusal('cid_mismatch', 'too many levels, or blocks');
    }
    const bytes = await need('provider_request_failed',
                             () => block(cid.text));

    if (bytes === undefined) throw new Refusal('provider_http_error');

    // The hash comes first: nothing is read that is not the CID's.
    const node = await need('cid_mismatch', async () =>
        bytes.length <= BLOCK_MAX && await isBlockOf(cid, bytes)
        && (cid.codec !== RAW ? dagPb(bytes)
            : { size: BigInt(bytes.length), data: bytes, links: [] }));

    if (node.size !== size) {
        throw new Refusal(level === 1 ? 'invalid_envelope' : 'cid_mismatch',
                          'a file of another size');
    }
    if (node.links.length === 0) yield node.data;

    for (const link of node.links) {
        yield* fileBytes(block, link.cid, link.size, budget, level + 1);
    }
}

async function* decrypt(block, cid, size, segment, gcm) {
    const piece = BigInt(segment - OVERHEAD);
    const n = size === 0n ? 1n : (size + piece - 1n) / piece;
    const body = size + BigInt(OVERHEAD) * n;
    const budget = { blocks: BLOCKS_FREE + body / 1024n };
    let index = 0, parts = [], filled = 0;

    for await (let bytes of fileBytes(block, cid, body, budget)) {
        while (bytes.length > 0) {
            const final = BigInt(index) === n - 1n;
            const length = final ? Number(body - BigInt(segment) * (n - 1n))
                : segment;
            const next = bytes.subarray(0, length - filled);

            parts.push(next);
            filled += next.length;
            bytes = bytes.subarray(next.length);

            if (filled === length) {
                yield await openSegment(concat(...parts), index++, final, gcm);
                parts = [];
                filled = 0;
            }
        }
    }
}

const openSegment = (bytes, index, final, gcm) =>
    need('invalid_envelope', async () => {
        const length = new DataView(bytes.buffer).getUint32(0);

        return length === (final ? bytes.length : NOT_FINAL) && new Uint8Array(
            await crypto.subtle.decrypt(
                ...await gcm(index, final, bytes.slice(4, 16)),
                bytes.subarray(16)));
    });

// With a wrong key, or another object's header, it is here that it ends.
async function openHeader(header, dataKey, payloadId) {
    const view = new DataView(header.buffer);
    const segment = view.getUint32(2);

    if (header[0] !== 0 || header[1] !== 0 || !SEGMENTS.includes(segment)
        || view.getUint32(6) !== 32) {
        throw new TypeError('other parameters');
    }
    const { tag, gcm } = await floe(dataKey, header.slice(0, 42), payloadId);

    return header.slice(42).every((byte, i) => byte === tag[i])
        && { segment, gcm };
}


// --- an open ----------------------------------------------------------------

// `policy` is asked about a share that has one: async core => boolean.  Nobody
// here can be asked about vaults and capability tokens.  `owners` may be
// 'anybody', for tools that look into a share: never to believe what it says.
export async function open({ id, record, identity, keys, owners, block, policy,
                             action = 'open', now = Date.now() / 1000 }) {
    if (!isId(id) || !isIdentity(identity) || !isActions([action])) {
        throw new Refusal('invalid_request');
    }
    if (!(now > 0)) throw new TypeError('now is no time');

    const { capsule, status } = await need(
        'metadata_provider_error', async () => readRecord(await record(id)));
    const { core, header } = await need(
        'invalid_capsule', () => readCapsule(capsule));

    await need('invalid_capsule', () => core.id === id && (
        owners === 'anybody' || isSigned(capsule, header, core.owner, owners)));

    const refuseIf = (is, code) => { if (is) throw new Refusal(code); };

    refuseIf(now < (core.nbf ?? 0n), 'share_not_yet_valid');
    refuseIf(now >= (core.exp ?? Infinity), 'share_expired');
    refuseIf(status.state !== 'active', 'share_revoked');

    const found = findWrap(capsule, identity, keys);

    refuseIf(action === 'download' && core.allowDownload === false,
             'download_not_allowed');
    refuseIf(core.vaultId !== undefined, 'vault_provider_error');
    refuseIf((core.capability?.actions ?? [action]).includes(action)
             && core.capability, 'capability_required');

    if (core.policyId !== undefined) {
        refuseIf(!policy, 'policy_provider_required');

        const [yes] = await need('policy_provider_error',
                                 async () => [await policy(core)]);

        refuseIf(yes !== true, 'policy_denied');
    }

    const { content } = core;
    const dataKey = await unwrap(found, capsule.payload);
    const { segment, gcm } = await need('invalid_envelope', () => openHeader(
        base64url(content.header), dataKey, content.payloadId));

    return { core, plaintext: decrypt(block, cidOfText(core.cid), content.size,
                                      segment, gcm) };
}
