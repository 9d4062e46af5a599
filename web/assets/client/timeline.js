// What a chat shows, as data: messages merged by id and clientMessageId, in the order of the log.
//
// A frame shows a message and does not say that it is stored: a server may deliver first and store then. Others' messages
// count as stored until a `message_failed` says otherwise; of our own we know by the ack. What is settled, by an ack or by
// the history, stays stored whatever comes late. The same frames give the same list, in whatever order they come.

/**
 * @typedef {'sending' | 'accepted' | 'stored' | 'failed'} State
 * @typedef {object} Entry
 * @property {'message' | 'event'} kind
 * @property {string} key stable for as long as the entry lives: what a view may key its nodes by
 * @property {string | null} id the API's id
 * @property {string | null} clientMessageId
 * @property {string} role lower case: user | assistant | agent
 * @property {string} content
 * @property {string} timestamp RFC 3339
 * @property {string | null} updatedAt
 * @property {{id?: string, name?: string, email?: string | null, avatar?: string | null}} sender
 * @property {string | null} epoch
 * @property {number} offset 0 = not sequenced
 * @property {State} state
 * @property {string | null} code why it failed
 * @property {boolean} local written here, so ours to send again
 * @property {boolean} settled the API is known to have it
 */

const CLOCKS_MS = 5 * 60_000; // by so much a page's clock and the server's may differ
const MAX_ENTRIES = 2_000; // the oldest stored ones go first
const MAX_FAILURES = 200; // remembered for messages that may be repeated by a resume

export class Timeline {
  #entries = new Set();
  #byId = new Map();
  #byClientId = new Map();
  #events = new Set();
  #failures = new Map(); // id → {code, epoch, offset}: the frame that says so may come before the message does
  #arrivals = 0;

  /** A message of our own that the server has not stored yet, for all we know. */
  addLocal({ clientMessageId, content, role, createdAt, id = null, state = 'sending', code = null }) {
    const entry = this.#add({
      id,
      clientMessageId,
      content,
      role: role.toLowerCase(),
      timestamp: new Date(createdAt).toISOString(),
      state,
      code,
      local: true,
    });
    this.#index(entry);
    return entry;
  }

  /**
   * A message frame's data.
   * @returns {{entry: Entry, isNew: boolean}} isNew: no frame and no history has shown it before
   */
  merge(data, place = {}) {
    const { entry, isNew } = this.#take(data, place);
    const failure = entry.settled ? undefined : this.#failures.get(entry.id);
    if (failure && !isAfter(place, failure)) Object.assign(entry, { state: 'failed', code: failure.code });
    else if (entry.settled || !entry.local) Object.assign(entry, { state: 'stored', code: null });
    else if (entry.state === 'sending' || isNew) Object.assign(entry, { state: 'accepted', code: null });
    return { entry, isNew };
  }

  /** The history's data: what the API has. @returns {{entry: Entry, isNew: boolean}} */
  mergeStored(data) {
    const { entry, isNew } = this.#take(data, {});
    this.#settle(entry);
    return { entry, isNew };
  }

  /** The history has been merged, so what failed and is not in it is nothing for others to look at any more. */
  dropFailed() {
    for (const e of this.#entries) if (e.state === 'failed' && !e.local) this.#delete(e);
  }

  /** message_updated: an id that is not shown is ignored. */
  update(data, place = {}) {
    const entry = this.#byId.get(data.id);
    if (!entry) return null;
    // An update's own place in the log is not the message's: only a message without one keeps none.
    if (data.updatedAt && entry.updatedAt && data.updatedAt < entry.updatedAt) return entry;
    Object.assign(entry, fieldsOf(data, entry), { updatedAt: data.updatedAt ?? place.at ?? null });
    return entry;
  }

  /** ack: the id, and with it the echo that may have come first without a clientMessageId. */
  ack({ clientMessageId, id, status, epoch, offset }) {
    const entry = this.#byClientId.get(clientMessageId);
    if (!entry) return null;
    const merged = id ? this.#find(id, clientMessageId) : entry;
    if (id) this.#name(merged, id);
    if (status !== 'accepted') this.#settle(merged);
    else if (!merged.settled) Object.assign(merged, { state: 'accepted', code: null });
    this.#place(merged, { epoch, offset });
    this.#index(merged);
    return merged;
  }

  /**
   * A message will never be stored, says an error or, with its place in the log, a message_failed.
   * @param {{id?: string, clientMessageId?: string}} which
   * @returns {Entry | null} the one that has failed by this
   */
  fail({ id, clientMessageId }, code, place = {}) {
    const entry = this.#byClientId.get(clientMessageId) ?? this.#byId.get(id);
    if (entry?.settled) return null;
    if (id && place.offset > 0) this.#remember(id, { code, ...place });
    if (!entry || entry.state === 'failed') return null;
    return Object.assign(entry, { state: 'failed', code });
  }

  /** Sends a failed one again, under the same id. */
  retry(clientMessageId) {
    const entry = this.#byClientId.get(clientMessageId);
    if (entry?.state === 'failed') Object.assign(entry, { state: 'sending', code: null, local: true });
  }

  remove(clientMessageId) {
    const entry = this.#byClientId.get(clientMessageId);
    if (entry) this.#delete(entry);
  }

  /** An agent came; each agent is shown once. */
  joined({ agentId, agentName, timestamp }, place = {}) {
    if (this.#events.has(agentId)) return null;
    this.#events.add(agentId);
    const entry = this.#add({ kind: 'event', content: agentName || 'Agent', timestamp, state: 'stored' });
    this.#place(entry, place);
    return entry;
  }

  /** @returns {Entry[]} in the order in which it is shown */
  list() {
    const sequenced = [];
    const dated = []; // from the history, which has no offsets
    const local = [];
    for (const e of this.#entries) {
      if (e.offset > 0) sequenced.push(e);
      else if (e.state === 'stored') dated.push(e);
      else local.push(e);
    }
    sequenced.sort((a, b) => compare(a.epoch, b.epoch) || a.offset - b.offset);
    dated.sort((a, b) => compare(a.timestamp, b.timestamp) || a.arrival - b.arrival);
    local.sort((a, b) => a.arrival - b.arrival);
    return this.#hideEchoed(mergeByTime(sequenced, dated), local);
  }

  /** @returns {Entry | undefined} the last message that has an id and counts */
  last() {
    return this.list().findLast((e) => e.kind === 'message' && e.id && e.state !== 'failed');
  }

  #take(data, place) {
    const clientMessageId = data.clientMessageId ?? null;
    const known = this.#find(data.id, clientMessageId);
    const entry = known ?? this.#add({ clientMessageId });
    const isNew = !entry.heard;
    Object.assign(entry, fieldsOf(data, entry), { heard: true });
    this.#place(entry, place);
    this.#index(entry);
    this.#prune();
    return { entry, isNew };
  }

  #settle(entry) {
    this.#failures.delete(entry.id);
    Object.assign(entry, { state: 'stored', code: null, settled: true });
  }

  #remember(id, failure) {
    this.#failures.set(id, failure);
    if (this.#failures.size > MAX_FAILURES) this.#failures.delete(this.#failures.keys().next().value);
  }

  // The old API gives an accepted message another id when it stores it.
  #name(entry, id) {
    if (entry.id !== id) this.#byId.delete(entry.id);
    entry.id = id;
  }

  // With an API that publishes by itself the echo may come before the ack that links it to ours. Until then ours is
  // left out where a stored one of the same text and role came after it was sent: one message, one bubble.
  #hideEchoed(confirmed, local) {
    const taken = new Set();
    const shown = local.filter((mine) => {
      if (mine.state === 'failed' || mine.id) return true;
      const echo = confirmed.find((e) =>
        !e.clientMessageId && !taken.has(e) && e.arrival > mine.arrival && e.role === mine.role && e.content === mine.content &&
        !(Date.parse(e.timestamp) < Date.parse(mine.timestamp) - CLOCKS_MS)); // an older one of the same words, from the history
      if (echo) taken.add(echo);
      return !echo;
    });
    return [...confirmed, ...shown];
  }

  #add(fields) {
    const arrival = ++this.#arrivals;
    const entry = {
      kind: 'message', key: `e${arrival}`, id: null, clientMessageId: null, role: 'user', content: '', timestamp: '',
      updatedAt: null, sender: {}, epoch: null, offset: 0, state: 'stored', code: null, local: false, settled: false,
      heard: false, arrival, ...fields,
    };
    this.#entries.add(entry);
    return entry;
  }

  // Finds by either name. When the two names belong to two entries they are one message: ours stays, the echo goes.
  #find(id, clientMessageId) {
    const mine = clientMessageId ? this.#byClientId.get(clientMessageId) : undefined;
    const echo = id ? this.#byId.get(id) : undefined;
    if (mine && echo && mine !== echo) {
      const { content, role, timestamp, sender, epoch, offset, updatedAt, heard } = echo;
      this.#delete(echo);
      Object.assign(mine, { id, content, role, timestamp, sender, epoch, offset, updatedAt, heard });
      if (echo.settled) this.#settle(mine);
    }
    return mine ?? echo ?? null;
  }

  #place(entry, { epoch, offset }) {
    if (!epoch || !(offset > 0)) return;
    if (entry.offset > 0 && entry.epoch >= epoch) return; // the first place in the newest epoch holds
    entry.epoch = epoch;
    entry.offset = offset;
  }

  #index(entry) {
    if (entry.id) this.#byId.set(entry.id, entry);
    if (entry.clientMessageId) this.#byClientId.set(entry.clientMessageId, entry);
  }

  #delete(entry) {
    this.#entries.delete(entry);
    this.#byId.delete(entry.id);
    this.#byClientId.delete(entry.clientMessageId);
  }

  #prune() {
    if (this.#entries.size <= MAX_ENTRIES) return;
    const oldest = this.list().find((e) => e.state === 'stored' || (e.state === 'failed' && !e.local));
    if (oldest) this.#delete(oldest);
  }
}

/** @returns {boolean} whether a place in the log is known and lies behind another */
function isAfter(place, other) {
  return place.offset > 0 && (place.epoch > other.epoch || (place.epoch === other.epoch && place.offset > other.offset));
}

function fieldsOf(data, entry) {
  return {
    id: data.id ?? entry.id,
    clientMessageId: data.clientMessageId ?? entry.clientMessageId,
    content: typeof data.content === 'string' ? data.content : entry.content,
    role: typeof data.role === 'string' ? data.role.toLowerCase() : entry.role,
    timestamp: data.timestamp ?? data.createdAt ?? entry.timestamp,
    updatedAt: data.updatedAt ?? entry.updatedAt,
    sender: data.sender ?? entry.sender,
  };
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

// Keeps the log's order whatever the clocks say, and puts the history between it by time.
function mergeByTime(sequenced, dated) {
  const out = [];
  let d = 0;
  for (const s of sequenced) {
    while (d < dated.length && dated[d].timestamp <= s.timestamp) out.push(dated[d++]);
    out.push(s);
  }
  return out.concat(dated.slice(d));
}
