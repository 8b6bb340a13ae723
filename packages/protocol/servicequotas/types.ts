// Owns the types of Service Quotas' inputs and outputs. They are the SDK's own; nothing of the SDK is loaded.

import type * as sdk from '@aws-sdk/client-service-quotas';
import type { Given } from '../given.ts';

interface Operations {
  GetAWSDefaultServiceQuota: [
    sdk.GetAWSDefaultServiceQuotaCommandInput,
    sdk.GetAWSDefaultServiceQuotaResponse,
  ];
  GetServiceQuota: [sdk.GetServiceQuotaCommandInput, sdk.GetServiceQuotaResponse];
  ListAWSDefaultServiceQuotas: [
    sdk.ListAWSDefaultServiceQuotasCommandInput,
    sdk.ListAWSDefaultServiceQuotasResponse,
  ];
  ListServiceQuotas: [sdk.ListServiceQuotasCommandInput, sdk.ListServiceQuotasResponse];
  ListServices: [sdk.ListServicesCommandInput, sdk.ListServicesResponse];
}

/** The operations that this cloud offers. */
export type ServicequotasAction = keyof Operations;

export type ServicequotasInput<Action extends ServicequotasAction> = Given<Operations[Action][0]>;
export type ServicequotasOutput<Action extends ServicequotasAction> = Operations[Action][1];
export type ServiceQuota = sdk.ServiceQuota;
