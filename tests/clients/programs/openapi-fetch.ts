// Calls every operation with openapi-fetch and the types of openapi-typescript.

import createClient from 'openapi-fetch';
import type {components, paths} from './generated/schema';
import {bearer, expect, report, settings, userToken} from './report';

const sidecar = createClient<paths>({baseUrl: settings.url, headers: bearer(settings.service)});
const user = createClient<paths>({baseUrl: settings.url, headers: bearer(userToken(60))});
const messages = createClient<paths>({baseUrl: settings.url, headers: bearer(settings.clientToken)});
const operators = createClient<paths>({baseUrl: settings.url, headers: {'X-Operator-Token': settings.operator}});
const own = {'X-Client-Id': settings.client};

let cursor = '';

report({
  heartbeat: async () => {
    const {data, response} = await sidecar.POST('/api/v1/presence/heartbeat', {body: {user_id: 42, meta: {device: 'phone'}}});
    const transition: components['schemas']['Transition'] | null | undefined = data?.transition;
    expect(transition === 'came_online', 'the first heartbeat is a transition');
    return response;
  },
  online: async () => (await sidecar.POST('/api/v1/presence/online', {body: {user_id: 'u-1', scope: {tenant: 'acme'}}})).response,
  offline: async () => (await sidecar.POST('/api/v1/presence/offline', {body: {user_id: 'u-1', scope: {tenant: 'acme'}}})).response,
  heartbeats: async () => {
    const {data, response} = await sidecar.POST('/api/v1/presence/heartbeats', {body: [{user_id: 42}, {user_id: 'u-2'}]});
    expect(data?.length === 2 && data[0]?.transition === null, 'a refresh is no transition');
    return response;
  },
  status: async () => {
    const params = {path: {user_id: '42'}, query: {}};
    const {data, response} = await sidecar.GET('/api/v1/presence/status/{user_id}', {params});
    const seen: string | null | undefined = data?.last_seen_at;
    expect(data?.status === 'online' && seen, 'the user is online');
    return response;
  },
  many: async () => {
    const {data, response} = await sidecar.POST('/api/v1/presence/many', {body: {user_ids: [42, 'nobody']}});
    expect(data?.['42']?.status === 'online' && data?.['nobody']?.last_seen_at === null, 'both users have a status');
    return response;
  },
  roster: async () => {
    const {data, response} = await sidecar.GET('/api/v1/presence/roster', {params: {query: {status: 'online', limit: 10}}});
    expect(data?.data.some(({user_id}) => user_id === 42), 'the roster has the user, as a number');
    return response;
  },
  counts: async () => {
    const {data, response} = await sidecar.GET('/api/v1/presence/counts', {params: {query: {}}});
    expect((data?.present ?? 0) >= 2, 'users are counted');
    return response;
  },
  changes: async () => {
    const {data, response} = await sidecar.GET('/api/v1/presence/changes', {params: {query: {after: '0-0'}}});
    cursor = data?.next_cursor ?? '';
    expect(data?.data[0]?.event === 'online', 'the log begins with a user who came online');
    return response;
  },
  snapshot: async () => {
    const {data, response} = await sidecar.GET('/api/v1/presence/snapshot', {params: {query: {}}});
    expect(data?.next_page === null && data.data.length >= 2, 'the snapshot has one page');
    return response;
  },
  stream: async () => {
    const params = {query: {after: cursor}};
    const {data, response} = await sidecar.GET('/api/v1/presence/stream', {params, parseAs: 'stream'});
    const reader = data?.getReader();
    const {value} = await reader!.read();
    expect(new TextDecoder().decode(value).includes('event: place'), 'the stream begins with its place');
    await reader!.cancel();
    return response;
  },
  browser_heartbeat: async () => (await user.POST('/presence/heartbeat', {body: {active: true}})).response,
  watched: async () => {
    const {data, response} = await user.GET('/api/v1/presence/watched', {params: {query: {}}});
    expect(data?.data[0]?.user_id === 42, 'the user is watched');
    return response;
  },
  history: async () => (await sidecar.GET('/api/v1/presence/history/{user_id}', {params: {path: {user_id: '42'}, query: {}}})).response,
  explain: async () => {
    const params = {path: {user_id: '42'}, query: {}};
    const {data, response} = await sidecar.GET('/api/v1/presence/explain/{user_id}', {params});
    expect(data?.last_change?.cause === 'heartbeat', 'the change has a cause');
    return response;
  },
  configuration: async () => {
    const {data, response} = await sidecar.GET('/api/v1/configuration', {});
    expect(data?.settings[0]?.key, 'a setting has a key');
    return response;
  },
  checks: async () => {
    const {data, response} = await sidecar.GET('/api/v1/checks', {});
    expect(data?.checks[0]?.fix === null, 'the configuration is valid');
    return response;
  },
  deliveries: async () => (await sidecar.GET('/api/v1/webhooks/deliveries', {params: {query: {state: 'dead'}}})).response,
  replay_delivery: async () => {
    const {error, response} = await sidecar.POST('/api/v1/webhooks/deliveries/{id}/replay', {params: {path: {id: 'none@default'}}});
    expect(error?.message, 'an error has a message');
    return response;
  },
  replay_deliveries: async () => (await sidecar.POST('/api/v1/webhooks/deliveries/replay', {params: {query: {}}})).response,
  register_client: async () => {
    const {data, response} = await sidecar.POST('/api/v1/clients/register', {body: {fingerprint: 'openapi-fetch'}});
    expect(data?.client_id, 'the client has an id');
    return response;
  },
  publish: async () => {
    const body = {to_client_ids: [settings.client], type: 'note', payload: {text: 'hello'}};
    const params = {header: {'Idempotency-Key': 'openapi-fetch'}};
    const headers = {'X-Admin-Token': settings.admin};
    const {data, response} = await sidecar.POST('/api/v1/messages/publish', {body, params, headers});
    expect(data?.queued === 1, 'the message is queued');
    return response;
  },
  send: async () => {
    const {response} = await messages.POST('/api/v1/messages/send', {params: {header: own}, body: settings.sealed});
    return response;
  },
  poll: async () => {
    const {data, response} = await messages.GET('/api/v1/messages/poll', {params: {header: own, query: {cursor: '0'}}});
    const from: string | null | undefined = data?.messages[0]?.from_client_id;
    expect(from === null, 'the message is from the application');
    return response;
  },
  acknowledge: async () => {
    const {data, response} = await messages.POST('/api/v1/messages/ack', {params: {header: own}, body: {last_received_id: 1}});
    expect(data?.status === 'acked', 'the message is acknowledged');
    return response;
  },
  rotate_client: async () => (await messages.POST('/api/v1/clients/rotate', {params: {header: own}})).response,
  clients: async () => {
    const {data, response} = await operators.GET('/api/v1/operators/clients', {params: {query: {limit: 10}}});
    expect(data?.clients.some(({id}) => id === settings.client), 'the client is listed');
    return response;
  },
  client_messages: async () => {
    const {data, response} = await operators.GET('/api/v1/operators/clients/{client}/messages', {params: {path: {client: settings.client}}});
    expect(data?.messages[0]?.type, 'the messages have a type');
    return response;
  },
  revoke_client: async () => {
    return (await operators.POST('/api/v1/operators/clients/{client}/revoke', {params: {path: {client: settings.client}}})).response;
  },
  fan_outs: async () => (await operators.GET('/api/v1/operators/fan-outs', {params: {query: {state: 'dead'}}})).response,
  replay_fan_outs: async () => (await operators.POST('/api/v1/operators/fan-outs/replay', {})).response,
}).catch(error => {
  console.error(error);
  process.exit(1);
});
