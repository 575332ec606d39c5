// An example, for those who have no scale set: empty, as the scaler wants it. Deploy it once; machines are the scaler's work.
targetScope = 'resourceGroup'

@description('Name of the scale set.')
param name string = 'vmss-pixels'

@description('Region.')
param location string = resourceGroup().location

@description('Resource id of the image, with the GPU driver, the application and its signalling server, and caches filled by one run.')
param imageId string

@description('Size: A10 v5 has the GRID licence and begins at a sixth of a GPU. Its quota family is StandardNVADSA10v5Family.')
param size string = 'Standard_NV6ads_A10_v5'

@description('Operating system of the image.')
@allowed(['Windows', 'Linux'])
param os string = 'Windows'

@description('Subnet of the machines, with a security group that lets visitors in.')
param subnetId string

@description('Name of the administrator.')
param adminUsername string = 'operator'

@description('Password of the administrator: nobody needs it, for a used machine is deleted.')
@secure()
param adminPassword string = 'A1!${newGuid()}'

@description('Machines at the end of this deployment. When it is deployed again: the present number, or machines are deleted.')
param capacity int = 0

@description('Value of the tag that lets the scaler act: SCALER_NAME. Empty: it only observes.')
param managed string = 'true'

@description('Port on which a machine tells its health over http.')
param healthPort int = 8081

@description('Seconds within which a machine tells it for the first time: longer than boot and first run. 14400 at most.')
@maxValue(14400)
param healthGracePeriod int = 1200

resource scaleSet 'Microsoft.Compute/virtualMachineScaleSets@2024-07-01' = {
  name: name
  location: location
  tags: empty(managed) ? {} : { 'scaler:managed': managed }
  sku: {
    name: size
    tier: 'Standard'
    capacity: capacity
  }
  properties: {
    orchestrationMode: 'Uniform' // the default of some tools is Flexible
    overprovision: false
    singlePlacementGroup: false
    upgradePolicy: {
      mode: 'Manual' // nothing is upgraded under a visitor: the scaler replaces ready machines of an old model
    }
    virtualMachineProfile: {
      storageProfile: {
        imageReference: {
          id: imageId
        }
        osDisk: {
          createOption: 'FromImage'
          caching: 'ReadWrite'
          managedDisk: {
            storageAccountType: 'StandardSSD_LRS' // not ephemeral: such a machine cannot be deallocated
          }
        }
      }
      osProfile: {
        computerNamePrefix: take(name, 9)
        adminUsername: adminUsername
        adminPassword: adminPassword
        windowsConfiguration: os == 'Windows' ? { enableAutomaticUpdates: false } : null
      }
      networkProfile: {
        networkInterfaceConfigurations: [
          {
            name: 'nic'
            properties: {
              primary: true
              ipConfigurations: [
                {
                  name: 'ip'
                  properties: {
                    subnet: {
                      id: subnetId
                    }
                    publicIPAddressConfiguration: {
                      name: 'public'
                      sku: {
                        name: 'Standard'
                      }
                      properties: {
                        idleTimeoutInMinutes: 15
                      }
                    }
                  }
                }
              ]
            }
          }
        ]
      }
      extensionProfile: {
        extensions: [
          {
            name: 'health'
            properties: {
              publisher: 'Microsoft.ManagedServices'
              type: 'ApplicationHealth${os}'
              typeHandlerVersion: '2.0'
              autoUpgradeMinorVersion: true
              settings: {
                protocol: 'http'
                port: healthPort
                requestPath: '/health'
                intervalInSeconds: 5
                numberOfProbes: 1
                gracePeriod: healthGracePeriod
              }
            }
          }
        ]
      }
    }
  }
}

@description('For AZURE_VMSS_NAME.')
output scaleSetName string = scaleSet.name
