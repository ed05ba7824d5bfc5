import { pollPatiently } from '../src/node/polling.ts';

pollPatiently();
