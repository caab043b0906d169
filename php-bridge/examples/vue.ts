// Inertia with Vue. In a single-file component, the same goes into <script setup lang="ts">.
import {defineComponent, h, onUnmounted, shallowRef, watch, type PropType, type ShallowRef} from 'vue';
import type {UserPresence} from 'presence-sidecar-browser';
import {presence} from './presence';

/** The newest entry of a user, live; undefined as long as none is known. */
export function usePresence(id: () => string | number): Readonly<ShallowRef<UserPresence | undefined>> {
  const user = shallowRef<UserPresence>();
  let end = (): void => {};
  watch(id, id => {
    end();
    user.value = undefined;
    end = presence.watch(id, entry => { user.value = entry; });
  }, {immediate: true});
  onUnmounted(() => end());
  return user;
}

/** <Person :id="user.id" :name="user.name" /> */
export const Person = defineComponent({
  props: {
    id: {type: [String, Number] as PropType<string | number>, required: true},
    name: {type: String, required: true},
  },
  setup(props) {
    const user = usePresence(() => props.id);
    return () => h('p', `${props.name} is ${user.value?.status ?? 'offline'}`);
  },
});
