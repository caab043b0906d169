// The page's connection: one for all its parts. Inertia and Livewire keep it while they swap pages.
// The layout names the sidecar: <meta name="presence-url" content="{{ config('presence.sidecar.public_url') }}">
import {connect} from 'presence-sidecar-browser';

const meta = document.querySelector<HTMLMetaElement>('meta[name=presence-url]');

export const presence = connect({url: meta?.content, tokenUrl: '/presence/token'});
