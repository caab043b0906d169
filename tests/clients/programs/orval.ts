// Calls every operation with the functions of orval.

import * as api from './generated/orval/api';
import {bearer, expect, report, settings, userToken} from './report';

// The functions know paths alone.
const send = globalThis.fetch;
globalThis.fetch = (path, init) => send(settings.url + path, init);

const service = {headers: bearer(settings.service)};
const operator = {headers: {'X-Operator-Token': settings.operator}};
const own = {headers: {...bearer(settings.clientToken), 'X-Client-Id': settings.client}};

report({
  heartbeat: async () => {
    const result = await api.heartbeat({user_id: 42, meta: {device: 'phone'}}, service);
    expect(result.status === 200 && result.data.transition === 'came_online', 'the first heartbeat is a transition');
    return result;
  },
  online: () => api.online({user_id: 'u-1', scope: {tenant: 'acme'}}, service),
  offline: () => api.offline({user_id: 'u-1', scope: {tenant: 'acme'}}, service),
  heartbeats: () => api.heartbeats([{user_id: 42}, {user_id: 'u-2'}], service),
  status: async () => {
    const result = await api.status('42', {}, service);
    expect(result.status === 200 && result.data.sessions[0]?.id === 'default', 'the user has a session');
    return result;
  },
  many: () => api.many({user_ids: [42, 'nobody']}, service),
  roster: async () => {
    const result = await api.roster({status: 'online'}, service);
    expect(result.status === 200 && result.data.data[0]?.user_id === 42, 'the roster has the user, as a number');
    return result;
  },
  counts: () => api.counts({}, service),
  changes: () => api.changes({after: '0-0'}, service),
  snapshot: () => api.snapshot({}, service),
  browser_heartbeat: () => api.browserHeartbeat({active: true}, {headers: bearer(userToken(60))}),
  watched: async () => {
    const result = await api.watched({}, {headers: bearer(userToken(60))});
    expect(result.status === 200 && result.data.data[0]?.user_id === 42, 'the user is watched');
    return result;
  },
  history: () => api.history('42', {}, service),
  explain: async () => {
    const result = await api.explain('42', {}, service);
    expect(result.status === 200 && result.data.last_change?.cause === 'heartbeat', 'the change has a cause');
    return result;
  },
  // Read to its end, which is that of the token.
  stream: async () => {
    const result = await api.stream({token: userToken(2)}, {});
    expect(result.status === 200 && String(result.data).includes('event: place'), 'the stream has its place');
    return result;
  },
  configuration: () => api.configuration(service),
  checks: async () => {
    const result = await api.checks(service);
    expect(result.status === 200 && result.data.checks[0]?.fix === null, 'the configuration is valid');
    return result;
  },
  deliveries: () => api.deliveries({state: 'dead'}, service),
  replay_delivery: async () => {
    const result = await api.replayDelivery('none@default', service);
    expect(result.status === 404 && result.data.message, 'an error has a message');
    return result;
  },
  replay_deliveries: () => api.replayDeliveries({}, service),
  register_client: async () => {
    const result = await api.registerClient({fingerprint: 'orval'}, {});
    expect(result.status === 201 && result.data.client_id, 'the client has an id');
    return result;
  },
  publish: () => {
    const body = {to_client_ids: [settings.client], type: 'note', payload: {text: 'hello'}};
    return api.publish(body, {headers: {'X-Admin-Token': settings.admin, 'Idempotency-Key': 'orval'}});
  },
  send: () => api.send(settings.sealed, own),
  poll: async () => {
    const result = await api.poll({cursor: '0'}, own);
    expect(result.status === 200 && result.data.messages[0]?.id, 'the message has an id');
    return result;
  },
  acknowledge: () => api.acknowledge({last_received_id: 1}, own),
  rotate_client: () => api.rotateClient(own),
  clients: () => api.clients({limit: 10}, operator),
  client_messages: () => api.clientMessages(settings.client, {}, operator),
  revoke_client: () => api.revokeClient(settings.client, operator),
  fan_outs: () => api.fanOuts({}, operator),
  replay_fan_outs: () => api.replayFanOuts(operator),
}).catch(error => {
  console.error(error);
  process.exit(1);
});
