import { pollPatiently } from '../src/node/patient-polling.ts';

pollPatiently();
