// The function app: storage without keys, a plan, the app, its settings.
targetScope = 'resourceGroup'

@description('Name of the function app.')
param name string

@description('Region.')
param location string

@description('Plan: EP… is elastic Premium, anything else is Dedicated.')
param plan string

@description('Subnet of the app; empty: none.')
param subnetId string

@description('Enabled or Disabled.')
param publicNetworkAccess string

@description('Subnets that alone reach the storage account; empty: every network.')
param storageSubnetIds array

@description('Whether roles on the storage account are assigned.')
param assignRoles bool

@description('Object ids that may upload packages.')
param uploaders array

@description('Resource id of the identity.')
param identityId string

@description('Client id of the identity.')
param clientId string

@description('Object id of the identity.')
param principalId string

@description('Connection string of Application Insights. It is no secret: it only lets telemetry in.')
param connectionString string

@description('Address of the package that the app runs; empty: none yet.')
param packageUrl string

@description('Key Vault URI of the key of Redis; empty: none.')
param redisPasswordUri string

@description('The settings of the scaler.')
param settings object

var elastic = startsWith(plan, 'EP')
var container = 'packages'
var blobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b' // the timers lease blobs; it reads the package, too
var blobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: '${take(replace(toLower(name), '-', ''), 11)}${uniqueString(resourceGroup().id, name)}'
  location: location
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: empty(storageSubnetIds) ? 'Allow' : 'Deny'
      virtualNetworkRules: map(storageSubnetIds, subnet => { id: subnet, action: 'Allow' })
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: storage
  name: 'default'
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: container
}

resource owner 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (assignRoles) {
  name: guid(storage.id, blobDataOwner, principalId)
  scope: storage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataOwner)
    principalId: principalId
    principalType: 'ServicePrincipal' // else a fresh identity is not found
  }
}

var thisOne = deployer().objectId
var allowed = assignRoles ? union([thisOne], uploaders) : []

// A person or a service connection: both have existed for long, so no principalType is needed.
resource uploads 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for uploader in allowed: {
  name: guid(packages.id, blobDataContributor, uploader)
  scope: packages
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataContributor)
    principalId: uploader
  }
}]

resource serverFarm 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: name
  location: location
  kind: elastic ? 'elastic' : 'linux'
  sku: {
    name: plan
    tier: elastic ? 'ElasticPremium' : null
    capacity: 1
  }
  properties: {
    reserved: true // Linux
    maximumElasticWorkerCount: elastic ? 1 : null
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: serverFarm.id
    httpsOnly: true
    publicNetworkAccess: publicNetworkAccess
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    outboundVnetRouting: empty(subnetId) ? null : { allTraffic: true } // tokens, Key Vault and the package as well
    siteConfig: {
      linuxFxVersion: 'PYTHON|3.13'
      alwaysOn: !elastic // never on Premium
      functionAppScaleLimit: elastic ? 1 : null // one process: its controllers share their listings of Azure
      minimumElasticInstanceCount: elastic ? 1 : null
      ftpsState: 'Disabled'
      minTlsVersion: '1.2'
    }
  }
}

resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

var host = {
  FUNCTIONS_EXTENSION_VERSION: '~4'
  FUNCTIONS_WORKER_RUNTIME: 'python'
  AzureWebJobsStorage__accountName: storage.name
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString
  AZURE_CLIENT_ID: clientId
  WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID: identityId
}

var package = empty(packageUrl) ? {} : { WEBSITE_RUN_FROM_PACKAGE: packageUrl }
var password = empty(redisPasswordUri) ? {} : { REDIS_PASSWORD: '@Microsoft.KeyVault(SecretUri=${redisPasswordUri})' }

// All of them: what somebody set by hand and is not here is gone afterwards.
resource appSettings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: union(host, package, password, settings)
  dependsOn: [owner]
}

@description('Resource id of the function app.')
output id string = app.id

@description('Storage account with the packages.')
output storageAccount string = storage.name

@description('Address of the container with the packages.')
output packagesUrl string = '${storage.properties.primaryEndpoints.blob}${container}'
