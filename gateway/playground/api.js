// The session, which says where everything is, and calls of the control API.

// What GET /dev/session has said last.
export let session;

const watchers = [];
const patience = 3000; // ms for an answer

// onSession has a function called with each session that differs from the one before.
export function onSession(watch) {
  watchers.push(watch);
}

// refreshSession asks for the session again. A server that has been restarted has other keys and tokens.
export async function refreshSession() {
  const response = await fetch("/dev/session", { signal: AbortSignal.timeout(patience) });
  if (!response.ok) {
    throw new Error(`the session was answered with ${response.status}`);
  }
  const next = await response.json();
  if (session && next.url !== session.url) {
    location.reload(); // the policy of this page lets it talk to the old address only
  }
  const same = JSON.stringify(next) === JSON.stringify(session);
  session = next;
  if (!same) {
    watchers.forEach((watch) => watch(next));
  }
  return session;
}

// tokenOf is the token of a workspace's user, as new as can be had.
export async function tokenOf(name) {
  await refreshSession().catch(() => {}); // the one before may still do
  return session.tokens[name];
}

// call asks the control API, and resolves to the status and the answer, parsed where it is JSON.
export async function call(action) {
  const response = await send(action);
  // A key of the process before this one: there is a new one.
  const answered = response.status === 401 && (await refreshSession()) ? await send(action) : response;
  const text = await answered.text();
  return { status: answered.status, text, answer: parsed(text) };
}

function send({ method, path, body }) {
  const headers = { Authorization: `Bearer ${session.key}`, ...(body && { "Content-Type": "application/json" }) };
  return fetch(path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(patience) });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// verdict says in a line what an answer means: whether it is good, and the words.
export function verdict({ status, answer }) {
  if (answer?.error) {
    return { good: false, words: `${status} ${answer.error.code}: ${answer.error.message}` };
  }
  if (status >= 300 || !answer) {
    return { good: status < 300, words: `answered with ${status}` };
  }
  const { matched, queued, dropped } = answer;
  return { good: matched > 0, words: `matched ${matched} · queued ${queued} · dropped ${dropped}` };
}
